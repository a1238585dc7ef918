/** What whoever made the corpus thinks of each disagreement, seen after the labels were fixed. */
export const KINDS = {
  table: "the definitions speak for the label: the table could be mended",
  label:
    "the definitions speak against the label: it stays as it was fixed, for somebody else to decide",
  model:
    "the failure model's tables (2.4 to 2.10) name this code otherwise than the label: they are kept (decision 0031)",
  either: "the definitions allow both",
  words:
    "only the words of the answer tell, or a code that stands for several things; tables do not read them, `classify` of an integration can",
  asked: "`holdfast classify` is told less than the connector knows",
  body: "a failure that its API reports under a status of success: `classify` of the integration has to say so",
} as const;
type Kind = keyof typeof KINDS;

interface View {
  readonly kind: Kind | "open";
  readonly because: string;
}

/** Of the fourth part. */
const FOURTH_VIEWS: readonly (readonly [RegExp, Kind, string])[] = [
  [
    /^(?:payment\/Adyen-(?:refused|error)|payment\/transfer|crm\/Salesforce|erp\/O|shop\/|message\/(?:Postmark-one|Vonage|Slack)|cloud\/(?:S3-an|function|queue|table|warehouse|search)|form\/(?:graphql|grpc-web|made|stream)|oauth\/an-error)/u,
    "body",
    "the status says that it went well",
  ],
  [/^gateway\//u, "table", "`Proxy-Status` (RFC 9209) is not read"],
  [
    /^(?:payment|crm|erp|message|cloud|oauth)\//u,
    "words",
    "a number or word of one vendor: `classify` of its integration can read it",
  ],
  [/^form\/batch-all/u, "body", "whether all or some were refused stands in the body alone"],
  [/^call\//u, "either", "reasons inside `google.rpc.Status` are not read, but for waits"],
  [/^(?:local|form|victim|alert|maria|pg|host)\//u, "either", "the code stands for several things"],
];

/** Of the part that was held out before. */
const HELD_VIEWS: readonly (readonly [RegExp, Kind, string])[] = [
  [
    /no-such-route|no-such-host/u,
    "words",
    "the page or sentence of a server; its status has no code",
  ],
  [/^fastify\//u, "table", "a code of the application's own that the lists of words lack"],
  [/^mariadb\/packet/u, "either", "the session ends, and why is told to some clients only"],
  [
    /^mariadb\//u,
    "table",
    "1052, 1099, 1153, 1242, 1286, 1526, 1820, 1906, 4084, 4151 have no row",
  ],
  [/^letter\/greeting/u, "model", "2.8 names a refusing greeting unavailable"],
  [
    /^letter\/(?:MAIL|dot-550-5\.7\.27|dot-552)/u,
    "table",
    "5.1.8, 5.2.3, 5.5.4 and 5.7.27 say it (RFC 3463, RFC 7505)",
  ],
  [/^disk\/a-folder/u, "table", "`ERR_DIR_CLOSED` has no row"],
  [/^disk\/the-root/u, "words", "EBUSY for a file in use and for a place that cannot be one"],
  [
    /^(?:flask|edge|letter|relational|embedded)\//u,
    "words",
    "one code or status for several things",
  ],
];

/** The first pattern that fits counts. */
const VIEWS: readonly (readonly [RegExp, Kind, string])[] = [
  [
    /^file\/.*(?:folder-missing|parent-missing|in-proc)$/u,
    "words",
    "ENOENT for a place of ours and for a file of the payload",
  ],
  [/^file\//u, "either", "our setting, our code or the payload: the code does not tell"],
  [
    /404-(?:plain|json)$|no-such-path|no-route-404|hidden-404/u,
    "either",
    "2.2 names the 404 of a route as permanent; without a code, route and item look alike (2.5), and a stop undoes the run",
  ],
  [
    /^http\/(?:202|207)/u,
    "label",
    "an open or mixed outcome has no other reason than that it is open",
  ],
  [/^http\/421$/u, "label", "RFC 9110 15.5.20 allows a repeat on another connection"],
  [/409-repeat-asked/u, "label", "the server asks for the same bytes again, so they are not wrong"],
  [/409-plain|^python\/409/u, "either", "a bare 409 is a lost race or a duplicate"],
  [
    /^http\/408/u,
    "either",
    "RFC 9110 15.5.9: no complete request; a proxy may say it of another one",
  ],
  [
    /503-(?:seconds|date)|azure-busy|maintenance|503-in-the-middle/u,
    "either",
    "2.2 names 503 with Retry-After as throttled; that nothing was done is custom, not stated",
  ],
  [
    /^http\/(?:418|424|426|406|505|506|508|300)|teapot|client-460/u,
    "either",
    "rare, and worded loosely where it is defined",
  ],
  [/^http\/52[56]$/u, "model", "2.5 names them unavailable; both wait without using up attempts"],
  [/^http\/|^dialect\/|^nginx\//u, "words", "the status is shared by several reasons"],
  [/^node\//u, "either", "an address nobody can have looks like a network that is away"],
  [/sqlite\/no-such-table/u, "words", "SQLite says only ERROR"],
  [/postgres\/cross-database/u, "model", "2.7 names 0A000 a defect"],
  [
    /terminated-in-a-statement/u,
    "label",
    "a backend may be ended after its commit and before it says so; and in the class either",
  ],
  [
    /terminated|idle-for-too-long|idle-in-a-transaction-for-too-long-as-told|subscript|index-row|no-such-file|temporary-files/u,
    "either",
    "one session or the whole server, our code or its data: the code does not tell",
  ],
  [/^database\/pool-/u, "words", "PgBouncer says 08P01 for everything"],
  [
    /^postgres\/|^database\//u,
    "words",
    "one code for several things, or a message of the client without any",
  ],
  [
    /smtp\/setting-(?:certificate|TLS|unknown|refused|no-such-name|no-recipient)/u,
    "asked",
    "the code behind ESOCKET or EDNS, and what was never offered",
  ],
  [/login-later/u, "model", "2.8 names 454 of a login misconfigured: a second try may lock it"],
  [
    /451|452-4\.2\.2|450-4\.1\.1|over-quota|postfix-(?:sender|unverified)|exim-later|greeting-554|blocked-address|postfix-helo/u,
    "either",
    "slower, later or never from this address: 2.2 names only some of the codes",
  ],
  [
    /long-message/u,
    "either",
    "the end of the content was never read, so never could be proved; the classification is careful",
  ],
  [/^smtp\/|^mail\//u, "words", "the same code for a policy, a setting of ours and an address"],
  [/too-large-a-value|rowid-of-text/u, "model", "2.7 names TOOBIG and MISMATCH defects"],
  [/^nobody\//u, "words", "SQLite says ERROR for statements and values"],
  [/^upload\/|^python\//u, "either", "not stated"],
];

export function viewOf(id: string): View {
  const found = [...FOURTH_VIEWS, ...HELD_VIEWS, ...VIEWS].find(([pattern]) => pattern.test(id));
  return found === undefined
    ? { kind: "open", because: "not looked at yet" }
    : { kind: found[1], because: found[2] };
}
