/** The other systems as Holdfast sees them: who answers for them, what they can take, what they say. */
import { connect } from "node:net";
import { integration, type Classified, type Integration, type IntegrationOptions } from "holdfast";
import { httpClient, HttpCallFailed, type HttpClient } from "holdfast/connectors/http";
import { mailClient, type MailClient } from "holdfast/connectors/mail";

/**
 * Our systems' promise: a request that we gave up waiting for lands within this time or never, and
 * the ERP's search shows by then what has landed. Everything `probeable` rests on it.
 */
export const SETTLE_MS = 5_000;

/** Where each system listens, on 127.0.0.1. */
export interface Ports {
  readonly crm: number;
  readonly payments: number;
  readonly erp: number;
  readonly mail: number;
}

/** What the ERP said no to, although it said so with HTTP 200. */
export class ErpRefused extends Error {
  override readonly name = "ErpRefused";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Each system with its client. */
export interface Systems {
  readonly crm: { readonly on: Integration; readonly client: HttpClient };
  readonly payments: { readonly on: Integration; readonly client: HttpClient };
  readonly erp: { readonly on: Integration; readonly client: HttpClient };
  readonly mail: { readonly on: Integration; readonly client: MailClient };
  /** Our own record, in this process. */
  readonly audit: { readonly on: Integration };
}

/**
 * Trips only when nearly nothing comes back: single calls of these systems fail all the time, and
 * each is taken care of on its own. An outage is tried again after a second.
 */
const BREAKER = { openAt: "90%", of: 20, probeEvery: "1s" } as const;
const LIMIT = { concurrency: 32 };
const HEALTH_MS_MAX = 1_000;

export function connectSystems(ports: Ports): Systems {
  const system = (name: keyof Ports, owner: string, more: Partial<IntegrationOptions> = {}) => {
    const health = async (): Promise<boolean> => isListening(ports[name]);
    return integration(name, { owner, limit: LIMIT, breaker: BREAKER, health, ...more });
  };
  const baseUrl = (name: keyof Ports): string => `http://127.0.0.1:${String(ports[name])}`;
  // A message whose outcome is unknown is a question for a person, and a crash leaves as many of them as
  // are under way: few at a time.
  const fewAtATime = { limit: { concurrency: 4 } };
  return {
    crm: {
      on: system("crm", "sales-operations"),
      client: httpClient({ baseUrl: baseUrl("crm") }),
    },
    payments: {
      on: system("payments", "team-payments"),
      client: httpClient({ baseUrl: baseUrl("payments") }),
    },
    erp: {
      on: system("erp", "team-finance-it", { classify: classifyErp }),
      // It would ignore a key, and a key in its log would look like protection that is not there.
      client: httpClient({ baseUrl: baseUrl("erp"), keyHeader: false }),
    },
    mail: {
      on: system("mail", "front-office", fewAtATime),
      client: mailClient({
        host: "127.0.0.1",
        port: ports.mail,
        from: "Orders <orders@shop.example>",
      }),
    },
    audit: { on: integration("audit", { owner: "internal-audit" }) },
  };
}

/**
 * Asked while a system is thought to be down. A real order must not be the one that tries: an invoice
 * or a mail whose outcome is unknown costs more than a connection.
 */
async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: HEALTH_MS_MAX });
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket
      .once("connect", () => {
        end(true);
      })
      .once("timeout", () => {
        end(false);
      })
      .once("error", () => {
        end(false);
      });
  });
}

/** On a later attempt these mean that an earlier one of ours has come through. */
const DONE_BEFORE: readonly string[] = ["ALREADY_POSTED", "ALREADY_CANCELLED"];

function classifyErp(error: unknown): Classified | undefined {
  if (error instanceof ErpRefused) {
    // The ERP checks first and writes afterwards: what it refuses it has not done.
    const refused = { class: "data", effect: "never", reasonCode: `ERP:${error.code}` } as const;
    return DONE_BEFORE.includes(error.code) ? { ...refused, echo: true } : refused;
  }
  // Its status is 200 whatever comes of it, so without the body nobody knows what it did.
  if (error instanceof HttpCallFailed && error.answer === null && error.evidence.status === 200) {
    return { class: "transient", effect: "maybe", reasonCode: "ERP:ANSWER_UNREADABLE" };
  }
  return undefined;
}
