import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import type { CanonicalEvent } from '../collect/event.ts'
import { openDictionary } from '../dictionary/dictionary.ts'
import { identityReader } from '../identity/read.ts'
import { identityWith } from '../identity/resolve.ts'
import { importPartition, reserveRange } from '../import/sink.ts'
import { keysFrom } from '../privacy/keys.ts'
import type { Postgres } from '../store/postgres.ts'
import { domainsOf } from './domains.ts'
import { ImportSink } from './import-sink.ts'
import { pipelineMetrics } from './metrics.ts'
import { Processor } from './processor.ts'
import { preparedRanges } from './ranges.ts'

const { postgres, clickhouse } = await testStores()
const keys = keysFrom('the secret of these tests')
const now = Date.now

/** PostgreSQL whose connection is lost right after a commit, once. */
function losingAnAnswer(): Postgres {
  let lost = false
  return {
    ...postgres,
    async transaction(work) {
      const result = await postgres.transaction(work)
      if (!lost) {
        lost = true
        throw new Error('Connection terminated unexpectedly')
      }
      return result
    },
  }
}

function paid(order: string): CanonicalEvent {
  return {
    ...{
      messageId: order,
      event: 'Visit Paid',
      ts: 1_700_000_000_000,
      receivedAt: now(),
      source: 'crm',
      channel: 'import',
      historical: true,
    },
    ...{ props: {}, context: {}, identifiers: [{ namespace: 'user_id', value: order }], traits: [], consents: [] },
  }
}

test('a batch that was decided, though the answer to its commit was lost, is visible once the import has finished', async () => {
  const dictionary = await openDictionary(postgres, now)
  const domains = domainsOf({ keys, identity: identityWith(keys), identities: identityReader(keys), dictionary, now })
  const metrics = pipelineMetrics(new Registry())
  const processor = new Processor({ postgres: losingAnAnswer(), clickhouse, domains, metrics, log: pino({ level: 'silent' }), now })
  const events = [paid('o-1'), undefined, paid('o-3')]
  const sink = new ImportSink(processor, async () => {
    for (const left of await preparedRanges(postgres, importPartition)) await processor.complete(left, events)
  })
  const draft = sink.draft(await reserveRange(postgres))
  for (const [row, event] of events.entries()) if (event) draft.add(row, event)
  await expect(sink.submit({ import: 1, draft, rows: events.length, commit: async () => undefined })).rejects.toThrow(
    'Connection terminated',
  )
  await sink.finish()
  await sink.finish()
  expect(await clickhouse.query('select message_id from events order by position')).toEqual([{ message_id: 'o-1' }, { message_id: 'o-3' }])
})
