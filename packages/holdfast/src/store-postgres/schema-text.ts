/**
 * The schema of a store as a text, from the database's own catalogue: for people to read
 * (docs/reference/schema-postgres.sql), and for verify to compare.
 */
import type { Connection } from "./client.ts";
import { migrationSql } from "./migrations.ts";
import type { ReadRows } from "./runs-at-hand.ts";

const SQL = {
  columns: `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
      case when a.attcollation not in (0, 100) then l.collname end,
      pg_get_expr(d.adbin, d.adrelid)
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_collation l on l.oid = a.attcollation
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where n.nspname = $1 and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
    order by c.relname collate "C", a.attnum`,
  // Not-null constraints stand with their columns; newer servers list them here too.
  constraints: `select c.relname, pg_get_constraintdef(k.oid)
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and k.contype <> 'n'
    order by c.relname collate "C", k.contype desc, k.conname collate "C"`,
  indexes: `select c.relname, pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indrelid
    join pg_class x on x.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and not i.indisprimary and c.relkind = 'r'
      and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)
    order by c.relname collate "C", x.relname collate "C"`,
  // None of ours: whatever is here was put there by somebody else.
  triggers: `select c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and not t.tgisinternal order by 1, 2`,
  rules: `select tablename, rulename from pg_rules where schemaname = $1 order by 1, 2`,
} as const;

export interface SchemaStatement {
  /** The table that it makes, or belongs to. */
  readonly table: string;
  readonly text: string;
}

/** The statements as a file for people. */
export async function schemaText(read: ReadRows, schema: string): Promise<string> {
  const statements = await schemaStatements(read, schema);
  return `${statements.map(({ text }) => text).join("\n\n")}\n`;
}

/** One statement for each table and index, in order of name. */
export async function schemaStatements(
  read: ReadRows,
  schema: string,
): Promise<readonly SchemaStatement[]> {
  const named = (name: keyof typeof SQL) => read(`schema-${name}`, SQL[name], [schema]);
  const lines = new Map<string, string[]>();
  for (const cells of await named("columns")) {
    const [table, column, type, notNull, collation, value] = cells as [
      string,
      string,
      string,
      boolean,
      string | null,
      string | null,
    ];
    const collated = collation === null ? "" : ` collate "${collation}"`;
    const standard = value === null ? "" : ` default ${value}`;
    addTo(lines, table, `  ${column} ${type}${collated}${standard}${notNull ? " not null" : ""}`);
  }
  for (const cells of await named("constraints")) {
    const [table, definition] = cells as [string, string];
    addTo(lines, table, `  ${definition}`);
  }
  const statements = [...lines].map(([table, parts]) => ({
    table,
    text: `create table ${table} (\n${parts.join(",\n")}\n);`,
  }));
  const add = (table: unknown, text: string) => statements.push({ table: String(table), text });
  for (const [table, definition] of await named("indexes")) {
    add(table, `${String(definition).replaceAll(`${schema}.`, "")};`);
  }
  for (const [table, name] of [...(await named("triggers")), ...(await named("rules"))]) {
    add(table, `-- ${String(table)} has ${String(name)}`);
  }
  return statements;
}

/**
 * Reads what a new store of a version would have, from one that is made and undone again: of temporary tables,
 * which need no right to make a schema.
 */
export async function expectedSchema(
  connection: Connection,
  version: number,
): Promise<readonly SchemaStatement[]> {
  await connection.script("begin; set local search_path to pg_temp");
  try {
    await connection.script(migrationSql(version));
    const [row] = await connection.rows(
      "own-schema",
      "select pg_my_temp_schema()::regnamespace::text",
    );
    const statements = await schemaStatements(connection.rows, String(row?.[0]));
    // Definitions of indexes name it so, whatever it is called in this session.
    return statements.map(({ table, text }) => ({ table, text: text.replaceAll("pg_temp.", "") }));
  } finally {
    await connection.script("rollback");
  }
}

function addTo(lines: Map<string, string[]>, table: string, line: string): void {
  const before = lines.get(table);
  if (before === undefined) lines.set(table, [line]);
  else before.push(line);
}
