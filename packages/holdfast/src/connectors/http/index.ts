export { httpClient, type HttpCall, type HttpClient } from "./http-client.ts";
export type { Expectation, HttpAnswer } from "./http-answer.ts";
export { HttpCallFailed } from "./http-failure.ts";
export type { HttpClientOptions, TlsOptions } from "./http-options.ts";
export type { HttpMethod, RequestParts } from "./outgoing-request.ts";
export type { HeaderFields } from "./retry-after.ts";
