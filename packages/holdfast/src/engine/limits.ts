/** Everything that can grow, with its bound (settled point 28). Changing one is an option, not a patch. */
export interface EngineLimits {
  /** Runs in memory at a time; more starts are refused with HF4201, wake-ups wait. */
  readonly liveRunsMax: number;
  /** Records not yet durable; beyond it steps of accepted runs wait for the disk. */
  readonly bufferedRecordsMax: number;
  /** Characters of them, likewise. A payload that is on its way out counts. */
  readonly bufferedCharsMax: number;
  /** Share of these two, 0 to 1, beyond which starts and events are refused with HF4201. */
  readonly intakeShare: number;
  /** Records of one flush, apart from the rest of what one run writes in one turn. */
  readonly flushRecordsMax: number;
  /** Characters of payload in one flush, likewise. */
  readonly flushCharsMax: number;
  /** Characters of one payload (JSON text). */
  readonly payloadCharsMax: number;
  /** A run that only waits stays in memory if it goes on within this, milliseconds. */
  readonly keepLiveMs: number;
  /** Sleeping runs that are due within this are in memory, milliseconds; read anew in half that time. */
  readonly timersAheadMs: number;
  /** Runs loaded at a time when many wake. */
  readonly wakeBatchMax: number;
  /** Runs read at a time on recovery. */
  readonly recoveryPageMax: number;
  /** Runs of one recovery group. */
  readonly groupRunsMax: number;
  /** A suspect that has been back at work for this long has not caused the crash, milliseconds. */
  readonly suspectMs: number;
  /** Crashes of one run alone after which it is quarantined. */
  readonly crashesMax: number;
  /** For how long after a crash code waits until its beginning is on disk, milliseconds. */
  readonly cautionMs: number;
  /** Attempts waiting for a place at one integration. */
  readonly gateQueueMax: number;
  /** Commands taken from the inbox at a time. */
  readonly inboxBatchMax: number;
  /** Commands that wait for their runs at a time; beyond it no more are taken. */
  readonly inboxUnderWayMax: number;
  /** Commands that wait in the store; beyond it `startIn` and `sendIn` are refused with HF4205. */
  readonly inboxWaitingMax: number;
  /** Commands from transactions for which there is no room yet; beyond it none is taken for a second. */
  readonly inboxHeldMax: number;
  /** Poll of the inbox while commands come in, and while none do, milliseconds. */
  readonly inboxBusyMs: number;
  readonly inboxIdleMs: number;
  /** And while none do, of a store that tells of most of them by itself. */
  readonly inboxToldMs: number;
  /**
   * How long a command that was taken is remembered, milliseconds: until then the same id is the same
   * command, and its answer can be asked for. At least an hour.
   */
  readonly commandsKeptMs: number;
  /** Such commands; beyond it the oldest are forgotten sooner, never within an hour. */
  readonly commandsKeptMax: number;
  /** Commands that are forgotten in one write. */
  readonly commandsForgottenAtOnceMax: number;
  /** Between two looks at what may be forgotten, while commands come in, milliseconds. */
  readonly commandsForgetEveryMs: number;
  /** Commands that wait for the answers of other workers; beyond it they are refused with HF4201. */
  readonly routedMax: number;
  /** Shards that are given up at a time. */
  readonly shardsLeavingMax: number;
  /** How long `close` waits for attempts in flight; what has not ended then is recovered, milliseconds. */
  readonly drainMs: number;
  /** How long the id of an event is remembered: until then it is accepted once, milliseconds. */
  readonly eventIdsMs: number;
  /** Ids of events that are remembered; beyond it events are refused with HF4202. */
  readonly eventIdsMax: number;
  /** Events that are kept because nobody waits for them; beyond it such events are refused, HF4204. */
  readonly keptEventsMax: number;
  /** Messages from outside that are remembered; beyond it they are refused with HF4202. */
  readonly receivedMax: number;
  /** Messages that wait for what they follow; beyond it such messages are refused with HF4206. */
  readonly heldMessagesMax: number;
  /** Requests at one ingress at a time; beyond it they are refused with HF4207. */
  readonly ingressOpenMax: number;
  /** Exceptions open beside one run, or beside none; what would open more is refused with HF4203. */
  readonly besideOpenMax: number;
  /** Proposals of one run that are open; what would make one more is refused with HF4208. */
  readonly proposalsOpenMax: number;
  /** Answers that are kept although no request has asked for them yet. */
  readonly earlyAnswersMax: number;
  /** How long such an answer is kept before its owner has to know, milliseconds. */
  readonly earlyAnswerMs: number;
  /** Runs that are looked at before a call may wait for them; beyond it the call is refused, HF1204. */
  readonly laneWalkMax: number;
  /** Items of all replay plans that this engine carries out that are under way at a time. */
  readonly replayAtOnceMax: number;
  /** Runs in a lane from which on it is told of (`lane.alarm`); nothing is refused. */
  readonly laneDepthAlarm: number;
  /** How long who is next in a lane may wait before that is told, milliseconds. */
  readonly laneAgeAlarmMs: number;
  /** How long an integration may be out of reach before its owner has an exception, milliseconds. */
  readonly outageAlarmMs: number;
  /**
   * How long nothing of a run may move while it waits for nothing that is on record, milliseconds: then its
   * owner is asked (HF2108). A workflow says otherwise with `stillAfter`.
   */
  readonly stillMs: number;
  /** Steps of one run. */
  readonly stepsMax: number;
  /** Definitions (workflows, effects, reviews, events, steps) whose sensitive fields are on record. */
  readonly declarationsMax: number;
  /** Sensitive values of one run that are looked for in messages; beyond it they are covered whole. */
  readonly sensitiveValuesMax: number;
}

export const DEFAULT_LIMITS: EngineLimits = {
  liveRunsMax: 20_000,
  bufferedRecordsMax: 200_000,
  // Eight of the largest payloads; some 128 MB of heap at two bytes a character.
  bufferedCharsMax: 64 << 20,
  intakeShare: 0.5,
  flushRecordsMax: 2_000,
  flushCharsMax: 1 << 20,
  payloadCharsMax: 8 << 20,
  keepLiveMs: 1_000,
  timersAheadMs: 60_000,
  wakeBatchMax: 500,
  // Larger pages outlive a collection of garbage: 2,000 took a fifth longer for 100,000 runs.
  recoveryPageMax: 500,
  groupRunsMax: 256,
  suspectMs: 10_000,
  crashesMax: 3,
  cautionMs: 600_000,
  gateQueueMax: 20_000,
  inboxBatchMax: 100,
  inboxUnderWayMax: 10_000,
  // A tenth of a second's look at most. An hour without an engine, at 28 starts a second.
  inboxWaitingMax: 100_000,
  inboxHeldMax: 1_000,
  inboxBusyMs: 25,
  inboxIdleMs: 200,
  inboxToldMs: 1000,
  // Who commands waits for seconds; what a queue delivers anew after days has ids of its own.
  commandsKeptMs: 7 * 86_400_000,
  // Some 500 bytes each and what they brought.
  commandsKeptMax: 1_000_000,
  // Some ten milliseconds between flushes.
  commandsForgottenAtOnceMax: 500,
  commandsForgetEveryMs: 3_600_000,
  routedMax: 10_000,
  shardsLeavingMax: 256,
  drainMs: 10_000,
  // Senders of webhooks give up after days, queues keep messages for two weeks at most; banks a month.
  eventIdsMs: 30 * 86_400_000,
  // About 200 bytes each: a gigabyte. At the default window that is two events a second, always.
  eventIdsMax: 5_000_000,
  // They are on disk only. Ten a second that nobody ever asks for fill it in a day, and are noticed.
  keptEventsMax: 1_000_000,
  // About 400 bytes each with record and index: eight gigabytes. Half a year of one a second.
  receivedMax: 20_000_000,
  heldMessagesMax: 10_000,
  // Each may hold a body of a megabyte while it comes in.
  ingressOpenMax: 1_000,
  besideOpenMax: 100,
  // Each is read by a second person; what nobody approves expires after a day.
  proposalsOpenMax: 20,
  earlyAnswersMax: 1_000,
  // Longer than a request that has left takes to be on record; a repeat may come later, and its
  // owner knows by then.
  earlyAnswerMs: 3_600_000,
  // Some milliseconds. Only children that wait in lanes which callers hold are counted.
  laneWalkMax: 10_000,
  replayAtOnceMax: 50,
  laneDepthAlarm: 1_000,
  laneAgeAlarmMs: 3_600_000,
  outageAlarmMs: 900_000,
  // Work of an hour in this process is ordinary, and held for nothing it would be done twice.
  stillMs: 2 * 3_600_000,
  stepsMax: 1_000_000,
  declarationsMax: 10_000,
  sensitiveValuesMax: 10_000,
};
