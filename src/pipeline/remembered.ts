import type { Batch } from './batch.ts'
import { type Message, openSeenMessages, type Prints, type SeenMessagesOptions } from './dedup/index.ts'

/** Which messages were seen before. A batch asks before it is decided, and tells once the decision has been committed. */
export interface Remembered {
  /** What is asked about this batch: per item 1 where it is new, 0 where it repeats an earlier one or an earlier item of the batch. */
  ask(batch: Batch): Promise<Asked>
}

export interface Asked {
  fresh: Uint8Array
  /** @param outcome the leaf of each item; those with 0 were not stored, and may come again */
  remember(outcome: Uint32Array): Promise<void>
}

/** The memory of one partition of the log: by source and message id, for 30 days. */
export interface RememberedMessages extends Remembered {
  /** Everything before this offset survives a crash; what came after is replayed from the log. */
  readonly coveredThrough: number
  /** A batch that was decided before the last stop. @param taken per item 1 where it was stored or repeated, 0 where it was refused */
  replay(batch: Batch, taken: Uint8Array): Promise<void>
  /** Resolves when everything is on disk. */
  close(): Promise<void>
}

/** @param offsetAfter the offset in the partition that follows a batch */
export async function rememberMessages(
  options: SeenMessagesOptions,
  fingerprints: (messages: readonly Message[]) => Prints,
  offsetAfter: (batch: Batch) => number,
): Promise<RememberedMessages> {
  const seen = await openSeenMessages(options)
  return {
    get coveredThrough() {
      return seen.coveredThrough
    },
    async ask(batch) {
      const { prints, indexes } = messagesOf(batch, () => true)
      const answers = await seen.probe(prints)
      const fresh = new Uint8Array(batch.items.length)
      for (let at = 0; at < indexes.length; at++) fresh[indexes[at] ?? 0] = answers[at] ?? 0
      return {
        fresh,
        async remember(outcome) {
          const stored = new Uint8Array(indexes.length)
          for (let at = 0; at < indexes.length; at++) stored[at] = outcome[indexes[at] ?? 0] === 0 ? 0 : 1
          await seen.remember(prints, stored, offsetAfter(batch))
        },
      }
    },
    replay(batch, taken) {
      return seen.replay(messagesOf(batch, index => taken[index] === 1).prints, offsetAfter(batch))
    },
    close: () => seen.close(),
  }

  function messagesOf(batch: Batch, isWanted: (index: number) => boolean): { prints: Prints; indexes: number[] } {
    const indexes: number[] = []
    const messages: Message[] = []
    for (let index = 0; index < batch.items.length; index++) {
      const item = batch.items[index]
      if (!item || !('event' in item) || !isWanted(index)) continue
      indexes.push(index)
      messages.push(item.event)
    }
    return { prints: fingerprints(messages), indexes }
  }
}
