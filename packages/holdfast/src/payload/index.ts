export { verifyWithPayloads } from "./audit.ts";
export { sealedCommand } from "./command-sealing.ts";
export { makeKeyRing, readKeyRing, rotateKeyRing } from "./key-ring.ts";
export { readerWithPayloads } from "./reader-with-payloads.ts";
export { readerOfStored } from "./stored-reader.ts";
export { keptApart } from "./requirements.ts";
export { lookAtPayloads } from "./look.ts";
export { sweepFiles } from "./sweep.ts";
export { withPayloads } from "./with-payloads.ts";
