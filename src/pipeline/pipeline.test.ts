import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { encodeRecord } from '../collect/record.ts'
import { rejectedPositions } from '../collect/rejected.ts'
import { openDictionary } from '../dictionary/dictionary.ts'
import { identityReader } from '../identity/read.ts'
import { identityWith } from '../identity/resolve.ts'
import { openFileLog } from '../log/file/file-log.ts'
import { offsetOf } from '../log/position.ts'
import { keysFrom } from '../privacy/keys.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { untilOf } from './batch.ts'
import { fingerprinting } from './dedup/index.ts'
import { domainsOf } from './domains.ts'
import { pipelineMetrics } from './metrics.ts'
import { Pipeline } from './pipeline.ts'
import { Processor } from './processor.ts'
import { rememberMessages } from './remembered.ts'
import { mirrorRoots } from './roots.ts'
import { sourceStats } from './stats.ts'
import { Worker } from './worker.ts'

const { postgres, clickhouse } = await testStores()
const keys = keysFrom('the secret of these tests')
const log = pino({ level: 'silent' })
const now = Date.now
const directory = mkdtempSync(join(tmpdir(), 'zhike-pipeline-'))
const events = await openFileLog({ directory: join(directory, 'log'), key: keys.derive('log'), now })
afterAll(async () => {
  await events.close()
  rmSync(directory, { recursive: true, force: true })
})

/** A pipeline as a fresh process would have it. */
async function process(through: ClickHouse = clickhouse): Promise<Pipeline> {
  const dictionary = await openDictionary(postgres, now)
  const domains = domainsOf({ keys, identity: identityWith(keys), identities: identityReader(keys), dictionary, now })
  const metrics = pipelineMetrics(new Registry())
  const processor = new Processor({ postgres, clickhouse: through, domains, metrics, log, now })
  const worker = new Worker({
    partition: 0,
    owner: 'these tests',
    events,
    postgres,
    processor,
    openRemembered: () =>
      rememberMessages({ directory: join(directory, 'messages'), now }, fingerprinting(keys.derive('message-ids')), batch =>
        offsetOf(untilOf(batch)),
      ),
    rejectedPositions: (from, until) => rejectedPositions(postgres, from, until),
    metrics,
    log,
    now,
  })
  const observed = () => postgres.transaction(tx => dictionary.observer.flush(tx))
  return new Pipeline(events, processor, [worker], observed, () => mirrorRoots(postgres, clickhouse))
}

async function append(messages: readonly object[], source = 'shop'): Promise<void> {
  const body = Buffer.from(JSON.stringify({ batch: messages }))
  const envelope = { format: 'segment', form: 'batch', source, channel: 'web', receivedAt: now(), ip: '', rejected: [] } as const
  await events.append(0, encodeRecord(envelope, body), messages.length)
}

async function throughNewPipeline(): Promise<void> {
  const pipeline = await process()
  pipeline.start()
  await pipeline.flush()
  await pipeline.stop()
}

test('a message becomes an event once, however often it is sent, also by another process', async () => {
  const message = { type: 'track', event: 'Once', userId: 'once', messageId: 'once-1', properties: { price: 3 } }
  await append([message, message], 'once')
  await throughNewPipeline()
  await append([message], 'once')
  await throughNewPipeline()
  expect(await clickhouse.query(`select event, props from events where source = 'once'`)).toEqual([{ event: 'Once', props: { price: 3 } }])
  expect(await sourceStats(postgres, 'once', 0)).toMatchObject({ accepted: 1, deduplicated: 2, rejected: 0 })
})

test('an event that nobody can own is kept as rejected, and its message id is free for a corrected one', async () => {
  await append([{ type: 'track', event: 'Whose', userId: 'null', messageId: 'whose-1' }], 'whose')
  await throughNewPipeline()
  expect(await postgres.query(`select code from rejected where source = 'whose'`)).toEqual([{ code: 'identifier-blocked' }])
  await append([{ type: 'track', event: 'Whose', userId: 'u-whose', messageId: 'whose-1' }], 'whose')
  await throughNewPipeline()
  expect(await clickhouse.query(`select count() as n from events where source = 'whose'`)).toEqual([{ n: 1 }])
})

test('what repeats an item that nobody can own is refused, too: after a restart its message id is still free', async () => {
  const nobody = { type: 'track', event: 'Whose', userId: 'null', messageId: 'twice-1' }
  await append([nobody, nobody], 'twice')
  await throughNewPipeline()
  expect(await sourceStats(postgres, 'twice', 0)).toMatchObject({ accepted: 0, rejected: 2, deduplicated: 0 })
  // A process that was killed before it had written down what it remembers reads it from the log again.
  rmSync(join(directory, 'messages'), { recursive: true })
  await throughNewPipeline()
  await append([{ ...nobody, userId: 'u-twice' }], 'twice')
  await throughNewPipeline()
  expect(await clickhouse.query(`select count() as n from events where source = 'twice'`)).toEqual([{ n: 1 }])
})

test('personal data stands in ClickHouse as keyed hashes only', async () => {
  const traits = { phone: '19900001234', email: 'someone@example.com', birthday: '1990-03-15', city: '上海' }
  await append([{ type: 'identify', userId: 'u-hidden', messageId: 'hidden-1', traits }], 'hidden')
  await append(
    [{ type: 'track', event: 'Asked', userId: 'u-hidden', messageId: 'hidden-2', properties: { note: '请致电 19900001234' } }],
    'hidden',
  )
  await throughNewPipeline()
  const stored = [
    await clickhouse.query(`select * from events where source = 'hidden'`),
    await clickhouse.query(`select * from traits where source = 'hidden'`),
  ]
  expect(JSON.stringify(stored)).not.toMatch(/19900001234|someone@example|1990-03-15/)
  const facets = await clickhouse.query(
    `select key, value from traits where source = 'hidden' and key in ('city', 'birthday.year', 'birthday.monthDay') order by key`,
  )
  expect(facets).toEqual([
    { key: 'birthday.monthDay', value: '03-15' },
    { key: 'birthday.year', value: 1990 },
    { key: 'city', value: '上海' },
  ])
})

/** ClickHouse whose inserts fail as told: before anything is stored, after everything is, or after a part of the rows is. */
function faulty(faults: ('none' | 'before' | 'after' | 'torn')[]): ClickHouse {
  return {
    ...clickhouse,
    async insert(table, lines, options) {
      const fault = faults.shift() ?? 'none'
      if (fault === 'before') throw new Error('before')
      const text = lines.toString()
      await clickhouse.insert(
        table,
        fault === 'torn'
          ? text
              .split('\n')
              .slice(0, text.split('\n').length / 2)
              .join('\n')
          : text,
        options,
      )
      if (fault !== 'none') throw new Error(fault)
    },
    async insertBlocks(table, columns, blocks, condition, options) {
      const fault = faults.shift() ?? 'none'
      if (fault === 'before') throw new Error('before')
      const some = fault === 'torn' ? blocks.slice(0, Math.ceil(blocks.length / 2)) : blocks
      await clickhouse.insertBlocks(table, columns, some, condition, options)
      if (fault !== 'none') throw new Error(fault)
    },
  }
}

test('nothing is lost, doubled or torn when ClickHouse fails at any point and the process starts anew', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          messages: fc.array(fc.record({ user: fc.nat(5), id: fc.nat(30), trait: fc.boolean() }), { minLength: 1, maxLength: 12 }),
          faults: fc.array(fc.constantFrom('none' as const, 'before' as const, 'after' as const, 'torn' as const), { maxLength: 4 }),
          isKilled: fc.boolean(),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      async steps => {
        const source = `faults-${run++}`
        const expected = new Map<string, boolean>()
        for (const { messages, faults, isKilled } of steps) {
          for (const { id, trait } of messages) if (!expected.has(`${id}`)) expected.set(`${id}`, trait)
          await append(
            messages.map(({ user, id, trait }) => ({
              userId: `${source}-${user}`,
              messageId: `${id}`,
              ...(trait ? { type: 'identify', traits: { level: id, city: 'x', points: 1 } } : { type: 'track', event: 'E' }),
            })),
            source,
          )
          const pipeline = await process(faulty(faults))
          pipeline.start()
          if (!isKilled) await pipeline.flush()
          // A process that is killed leaves its range prepared: the next one completes it.
          await pipeline.stop()
        }
        await throughNewPipeline()
        const stored = await clickhouse.query<{ message_id: string; n: number; traits: number }>(
          `select message_id, count() as n, (select count() from traits where source = {source:String}) as traits
           from events where source = {source:String} group by message_id order by message_id`,
          { source },
        )
        expect(stored.map(row => [row.message_id, row.n])).toEqual([...expected.keys()].sort().map(id => [id, 1]))
        expect(stored[0]?.traits).toBe(3 * [...expected.values()].filter(Boolean).length)
      },
    ),
    { numRuns: 15 },
  )
})
