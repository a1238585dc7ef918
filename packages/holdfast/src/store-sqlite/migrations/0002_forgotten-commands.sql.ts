/** Migration 2: commands that were taken leave the inbox after a while. */
export const sql = `
-- What is left of the commands that a flush took: their digests in order of position, which its seal
-- is built on.
create table forgotten_command (
  flush integer primary key,
  digests blob not null check (length(digests) > 0 and length(digests) % 16 = 0)
) strict;
`;
