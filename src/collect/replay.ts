import type { Log } from '../log/log.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import type { Json, Rejection } from './event.ts'
import { append, type Examined, examine } from './examine.ts'
import { formatNamed } from './formats/index.ts'
import { idAt } from './record.ts'
import { markReplayed, type RejectedFilter, type RejectedView, takeRejected } from './rejected.ts'

export interface ReplayParts {
  postgres: Postgres
  keys: Keys
  log: Log
  now: () => number
}

export interface ReplayRequest extends RejectedFilter {
  /** Only these. */
  ids?: readonly string[]
  /** What to send in place of an item, by its id. */
  corrected?: ReadonlyMap<string, Json>
}

export interface Replayed {
  replayed: number
  /** Still not taken, with the reason that holds now. */
  refused: { id: string; rejection: Rejection }[]
}

const pageSize = 200

/**
 * Sends rejected items again, through the same check and log and with the time at which they first came. One that is taken is not
 * sent a second time; should a crash undo the mark, the pipeline drops the repeat by its message id.
 */
export async function replayRejected(parts: ReplayParts, request: ReplayRequest): Promise<Replayed> {
  const total: Replayed = { replayed: 0, refused: [] }
  let after = '-1'
  for (;;) {
    const page = await parts.postgres.transaction(tx => replayPage(tx, parts, request, after))
    total.replayed += page.taken
    total.refused.push(...page.refused)
    if (page.last === undefined) return total
    after = page.last
  }
}

interface Page {
  taken: number
  refused: Replayed['refused']
  last: string | undefined
}

async function replayPage(tx: Queryable, { keys, log, now }: ReplayParts, request: ReplayRequest, after: string): Promise<Page> {
  const rows = await takeRejected(tx, keys, request, after, pageSize)
  const tried = rows.map(row => ({ id: row.id, examined: tryAgain(row, request.corrected?.get(row.id), log.partitions) }))
  const taken = tried.filter(({ examined }) => examined.refused === undefined)
  await Promise.all(taken.map(({ examined }) => append(log, examined.records)))
  await markReplayed(
    tx,
    taken.map(({ id }) => id),
    now(),
  )
  const refused = tried.flatMap(({ id, examined }) => (examined.refused ? [{ id, rejection: examined.refused }] : []))
  return { taken: taken.length, refused, last: rows.at(-1)?.id }
}

type Attempt = Pick<Examined, 'records' | 'refused'>

function tryAgain({ id, source, receivedAt, item, rejection }: RejectedView, corrected: Json | undefined, partitions: number): Attempt {
  if (item.cut && corrected === undefined) return { records: [], refused: rejection }
  const format = formatNamed(item.format)
  const { form, body } = format.carrying([corrected ?? item.message], {}, item.form)
  const bytes = Buffer.from(JSON.stringify(body))
  return examine(
    {
      format,
      form,
      source,
      channel: item.channel,
      receivedAt,
      ip: item.ip,
      bytes,
      room: 0,

      fallbackId: idAt(Number(id)),
    },
    partitions,
  )
}
