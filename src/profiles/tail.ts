import { setTimeout as sleep } from 'node:timers/promises'
import { offsetOf, type Position, partitionOf, positionOf } from '../log/position.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { type EventFilter, type EventView, eventsBetween } from './events.ts'

/** Per partition of the log, the position before which everything is visible. */
export type TailWatermarks = readonly Position[]

/** Where a reader is, and whether it is still there. */
export interface TailPosition {
  lastEventId: string | undefined
  signal: AbortSignal
}

const everyMs = 250
const pageSize = 500

/**
 * Events as they become visible, in order within a partition of the log. The id of an event is where every partition stood after it
 * (`offset.offset…`), so a reader that lost its connection goes on without a gap.
 */
export async function* liveTail(
  clickhouse: ClickHouse,
  watermarks: () => Promise<TailWatermarks>,
  filter: EventFilter,
  { lastEventId, signal }: TailPosition,
): AsyncGenerator<{ id: string; event: string; data: EventView }> {
  const at = cursorFrom(lastEventId) ?? [...(await watermarks())]
  while (!signal.aborted) {
    let isFull = false
    for (const watermark of await watermarks()) {
      const partition = partitionOf(watermark)
      const from = at[partition] ?? positionOf(partition, 0)
      if (from >= watermark) continue
      const events = await eventsBetween(clickhouse, from, watermark, filter, pageSize)
      for (const data of events) {
        at[partition] = Number(data.position) + 1
        yield { id: at.map(offsetOf).join('.'), event: 'event', data }
      }
      if (events.length < pageSize) at[partition] = watermark
      else isFull = true
    }
    if (!isFull) await sleep(everyMs, undefined, { signal }).catch(() => undefined)
  }
}

function cursorFrom(id: string | undefined): Position[] | undefined {
  if (id === undefined || !/^\d{1,15}(\.\d{1,15})*$/.test(id)) return undefined
  return id.split('.').map((offset, partition) => positionOf(partition, Number(offset)))
}
