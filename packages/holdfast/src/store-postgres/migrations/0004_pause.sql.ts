/** Migration 4: the inbox takes the command that pauses a run. */
export const sql = `
alter table inbox drop constraint inbox_topic_check;
alter table inbox add constraint inbox_topic_check
  check (topic in (
    'start', 'send', 'answer', 'settle', 'resume', 'cancel', 'pause', 'complete', 'close', 'handle',
    'group', 'route', 'rule', 'archive', 'handUp', 'park', 'unpark', 'repair', 'decide',
    'skipHead', 'returned', 'deliver',
    'offer', 'outcome', 'asked', 'beside', 'receive'));
`;
