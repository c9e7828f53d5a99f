import { pino } from 'pino'
import type { CanonicalEvent } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import { openSeenMessages } from '../pipeline/dedup/index.ts'
import { keysFrom } from '../privacy/keys.ts'
import type { Postgres } from '../store/postgres.ts'
import type { ImporterDependencies } from './importer.ts'
import type { BatchSink, EventDraft, RefusedRow } from './sink.ts'

/** Events by their rows. */
export class PlacedEvents implements EventDraft {
  readonly range: Position
  placed: { index: number; event: CanonicalEvent }[] = []

  constructor(range: Position) {
    this.range = range
  }

  add(index: number, event: CanonicalEvent): void {
    this.placed.push({ index, event })
  }

  keep(rows: Uint8Array): void {
    this.placed = this.placed.filter(({ index }) => rows[index] === 1)
  }
}

/** A sink for tests: events go into a table of PostgreSQL, decided and stored in one transaction. */
export function tableSink(postgres: Postgres, isRefused: (event: CanonicalEvent) => boolean = () => false): BatchSink {
  return {
    draft: range => new PlacedEvents(range),
    async submit({ draft, commit }) {
      const { range, placed } = draft as PlacedEvents
      const taken = placed.filter(({ event }) => !isRefused(event))
      const refused: RefusedRow[] = placed
        .filter(({ event }) => isRefused(event))
        .map(({ index }) => ({ index, rejection: { code: 'foreign', path: '', message: 'not one of ours' } }))
      await postgres.transaction(async tx => {
        await tx.query('insert into sink_events (position, event) select * from unnest($1::bigint[], $2::text[])', [
          taken.map(({ index }) => range + index),
          taken.map(({ event }) => JSON.stringify(event)),
        ])
        await commit(tx, refused)
      })
    },
    async finish() {},
  }
}

tableSink.prepare = (postgres: Postgres) =>
  postgres.query('create table if not exists sink_events (position bigint primary key, event text not null)')

tableSink.events = async (postgres: Postgres, source: string): Promise<CanonicalEvent[]> => {
  const rows = await postgres.query<{ event: string }>(
    `select event from sink_events where event::json->>'source' = $1 order by position`,
    [source],
  )
  return rows.map(row => JSON.parse(row.event) as CanonicalEvent)
}

/** What an importer is made of in tests. */
export function testImporter(postgres: Postgres, directory: string): ImporterDependencies {
  return {
    postgres,
    keys: keysFrom('a secret for tests'),
    sink: tableSink(postgres),
    zone: 'Asia/Shanghai',
    directory,
    openSeenRows: (path, inMemory) =>
      openSeenMessages({ directory: path, now: () => 1, windowDays: Number.POSITIVE_INFINITY, ...(inMemory ? { flushAt: inMemory } : {}) }),
    log: pino({ level: 'silent' }),
    now: () => Date.UTC(2026, 9, 1),
  }
}
