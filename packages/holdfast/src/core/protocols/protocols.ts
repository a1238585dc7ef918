/** Every protocol that there is a table for, in the order of the reference page. */
import type { ProtocolTable } from "../protocol-table.ts";
import { AMQP_TABLE } from "./amqp.ts";
import { FILE_TABLE } from "./file.ts";
import { GRPC_TABLE } from "./grpc.ts";
import { HTTP_SIGNALS, HTTP_TABLE } from "./http.ts";
import { KAFKA_TABLE } from "./kafka.ts";
import { LLM_TABLE } from "./llm.ts";
import { MYSQL_TABLE } from "./mysql.ts";
import { NATS_TABLE } from "./nats.ts";
import { NODE_TABLE } from "./node.ts";
import { OAUTH_TABLE } from "./oauth.ts";
import { POSTGRES_TABLE } from "./postgres.ts";
import { SFTP_TABLE } from "./sftp.ts";
import { SMTP_TABLE } from "./smtp.ts";
import { SQLITE_TABLE } from "./sqlite.ts";

export interface Protocol {
  readonly table: ProtocolTable;
  /** What the other side can say in so many words, which outranks the table. */
  readonly signals?: ProtocolTable;
}

export const PROTOCOLS: readonly Protocol[] = [
  { table: NODE_TABLE },
  { table: FILE_TABLE },
  { table: HTTP_TABLE, signals: HTTP_SIGNALS },
  { table: GRPC_TABLE },
  { table: POSTGRES_TABLE },
  { table: MYSQL_TABLE },
  { table: SQLITE_TABLE },
  { table: SMTP_TABLE },
  { table: LLM_TABLE },
  { table: OAUTH_TABLE },
  { table: AMQP_TABLE },
  { table: KAFKA_TABLE },
  { table: NATS_TABLE },
  { table: SFTP_TABLE },
];
