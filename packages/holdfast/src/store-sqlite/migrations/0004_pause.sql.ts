/** Migration 4: the inbox takes the command that pauses a run. */
export const sql = `
-- The words of a CHECK cannot be changed in place.
create table inbox_new (
  pos integer primary key,
  id text not null,
  topic text not null
    check (topic in (
      'start', 'send', 'answer', 'settle', 'resume', 'cancel', 'pause', 'complete', 'close', 'handle',
      'group', 'route', 'rule', 'archive', 'handUp', 'park', 'unpark', 'repair', 'decide',
      'skipHead', 'returned', 'deliver',
      'offer', 'outcome', 'asked', 'beside', 'receive')),
  at_ms integer not null,
  sent_by text not null,
  data text not null,
  taken_by integer,
  answer text,
  digest blob not null check (length(digest) = 16),
  check ((taken_by is null) = (answer is null))
) strict;
insert into inbox_new select pos, id, topic, at_ms, sent_by, data, taken_by, answer, digest from inbox;
drop table inbox;
alter table inbox_new rename to inbox;
-- Serves answer: a command by its id.
create unique index inbox_id on inbox (id);
-- Serves inbox: what is not yet taken, in order of arrival.
create index inbox_open on inbox (pos) where taken_by is null;
-- Serves the check of a flush's seal.
create index inbox_taken on inbox (taken_by) where taken_by is not null;
`;
