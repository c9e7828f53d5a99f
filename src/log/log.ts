/**
 * The durable event log: what is appended here is acknowledged to the sender, everything after it can be derived again.
 * One writer per partition. A record takes `count` consecutive offsets, so every event in it has its own.
 * Implementations: files by default, Kafka by URL. Nothing outside this folder knows which.
 */
export interface Log {
  readonly partitions: number

  /**
   * Resolves with the record's first offset once the record is durable.
   * @param count offsets that the record takes (1 … 2^20): the events it holds
   * The payload is the log's until then: do not alter it.
   * @throws LogFull when the disk is full or its reserve is reached, LogFailed when it refuses for another reason (the record is not in the log, try again later);
   * LogBusy when too much is waiting to be written; LogClosed after `close`; RangeError for a record that can never be taken
   */
  append(partition: number, payload: Buffer, count: number): Promise<number>

  /**
   * Whole durable records in order, starting with the one that begins at or covers `from`; empty at the end.
   * Ends before a record that would exceed `maxEvents` or `maxBytes` (but returns at least one).
   * @throws LogTrimmed when `from` lies before what is retained: it says where reading can start;
   * LogCorrupt when the record at `from` is damaged or gone: it says where reading can go on (those before it are returned first)
   */
  read(partition: number, from: number, limit: { maxEvents: number; maxBytes: number }): Promise<LogRecord[]>

  /** The offset after the last durable event. */
  end(partition: number): number

  /** The oldest offset that is retained. */
  start(partition: number): number

  /** Resolves true once `end(partition) > from`, false after `timeoutMs` or when the log closes. */
  wait(partition: number, from: number, timeoutMs: number): Promise<boolean>

  /**
   * A consumer (a–z, 0–9, `-`) says it is done with everything before `offset`; retention keeps what is not committed. May lag, never leads;
   * an offset before the last one changes nothing. Resolves once it is kept.
   * @throws RangeError beyond `end(partition)`
   */
  commit(consumer: string, partition: number, offset: number): Promise<void>

  /** Where the consumer committed last, 0 at first. */
  committed(consumer: string, partition: number): number

  /** Takes no more, writes what it has taken, then releases everything. */
  close(): Promise<void>
}

export interface LogRecord {
  partition: number
  offset: number
  count: number
  /** Wall clock of the append, ms. */
  appendedAt: number
  /** Shared with other readers: not to be altered. */
  payload: Buffer
}

/** The disk is full or its reserve is reached: the sender is told to come back (503). */
export class LogFull extends Error {
  override name = 'LogFull'
}

/** The disk (or the broker) refused the record for another reason than space: the sender is told to come back (503). */
export class LogFailed extends Error {
  override name = 'LogFailed'
}

/** More waits to be written than memory is given for: the sender is told to slow down (429). */
export class LogBusy extends Error {
  override name = 'LogBusy'
}

export class LogClosed extends Error {
  override name = 'LogClosed'
}

export class LogTrimmed extends Error {
  override name = 'LogTrimmed'
  readonly start: number
  constructor(start: number) {
    super(`the log starts at offset ${start} now; what was before it has been removed by retention`)
    this.start = start
  }
}

/** Records that were acknowledged cannot be read any more. Nothing skips them unasked: whoever decides to go on reads or commits from `resumeAt`. */
export class LogCorrupt extends Error {
  override name = 'LogCorrupt'
  readonly partition: number
  readonly from: number
  readonly resumeAt: number
  constructor(partition: number, from: number, resumeAt: number, where: string) {
    super(`the log's partition ${partition} is damaged from offset ${from} to ${resumeAt} (${where}); reading can go on at ${resumeAt}`)
    this.partition = partition
    this.from = from
    this.resumeAt = resumeAt
  }
}
