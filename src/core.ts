import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { confirmSecret } from './access/secret-check.ts'
import { audienceType } from './audiences/type.ts'
import { type Catalogue, openCatalogue } from './catalogue/catalogue.ts'
import { mirrorEntities } from './catalogue/mirror.ts'
import { rejectedPositions } from './collect/rejected.ts'
import type { Config } from './config.ts'
import type { Definition } from './definitions/definition.ts'
import { type Definitions, openDefinitions } from './definitions/definitions.ts'
import type { DefinitionSet } from './definitions/set.ts'
import { type Dictionary, openDictionary } from './dictionary/dictionary.ts'
import { dimensionType } from './graph/dimension-type.ts'
import { relationType } from './graph/relation-type.ts'
import { namespaceCache } from './identity/namespace-cache.ts'
import type { NamespaceRules } from './identity/namespace-rules.ts'
import { identityReader } from './identity/read.ts'
import { type Identity, identityWith } from './identity/resolve.ts'
import { Importer } from './import/importer.ts'
import { importPartition } from './import/sink.ts'
import { type FileLog, openFileLog } from './log/file/file-log.ts'
import { offsetOf } from './log/position.ts'
import { untilOf } from './pipeline/batch.ts'
import { fingerprinting, openSeenMessages } from './pipeline/dedup/index.ts'
import { domainsOf } from './pipeline/domains.ts'
import { Evaluator } from './pipeline/evaluation/evaluator.ts'
import { evaluationMetrics } from './pipeline/evaluation/metrics.ts'
import { ImportSink } from './pipeline/import-sink.ts'
import { decidedOffsets } from './pipeline/lease.ts'
import { pipelineMetrics } from './pipeline/metrics.ts'
import { ownerOf } from './pipeline/owner.ts'
import { Pipeline } from './pipeline/pipeline.ts'
import { Processor } from './pipeline/processor.ts'
import { forgetFinishedRanges, preparedRanges } from './pipeline/ranges.ts'
import { reattribute } from './pipeline/reattribute.ts'
import { rememberMessages } from './pipeline/remembered.ts'
import { mirrorRoots } from './pipeline/roots.ts'
import { Worker } from './pipeline/worker.ts'
import { type Keys, keysFrom } from './privacy/keys.ts'
import { Refusal } from './refusal.ts'
import type { RuleContext } from './rules/plan.ts'
import { lockDataDirectory } from './store/lock.ts'
import { secretOf } from './store/secret.ts'
import { openStores, type Stores } from './store/stores.ts'
import { tagType } from './tags/type.ts'

/** Everything behind the front doors: the stores, the log, the pipeline that connects them, and what the domains keep in memory. */
export interface Core {
  stores: Stores
  keys: Keys
  events: FileLog
  dictionary: Dictionary
  catalogue: Catalogue
  identity: Identity
  namespaces: () => Promise<NamespaceRules>
  processor: Processor
  pipeline: Pipeline
  definitions: Definitions
  evaluator: Evaluator
  /** What rules mean at a moment, besides tags and audiences. */
  contextAt: (now: number) => RuleContext
  importer: Importer
  /** Starts what runs in the background, once everybody is connected. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface CoreOptions {
  config: Config
  log: Logger
  registry: Registry
  now: () => number
}

const megabyte = 2 ** 20
const namespacesForMs = 1_000

/** @throws DataDirectoryInUse; Refusal for a secret that does not fit; whatever keeps a store from starting, as a sentence */
export async function openCore({ config, log, registry, now }: CoreOptions): Promise<Core> {
  const opened: (() => unknown)[] = [lockDataDirectory(config.dataDir)]
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    const keys = keysFrom(secretOf(config.dataDir, config.secret))
    const stores = await openStores({
      dataDir: config.dataDir,
      postgresUrl: config.postgresUrl,
      clickhouseUrl: config.clickhouseUrl,
      postgresMemory: config.postgresMemoryMb * megabyte,
      clickhouseMemory: config.clickhouseMemoryMb * megabyte,
      keys,
      log,
    })
    opened.push(() => stores.close())
    await confirmSecret(stores.postgres, keys)
    const events = await openFileLog({
      directory: join(config.dataDir, 'log'),
      notBefore: async partition => (await decidedOffsets(stores.postgres)).get(partition) ?? 0,
      key: keys.derive('log'),
      now: Date.now,
      consumers: ['pipeline'],
      report: outcome => log.warn({ outcome }, 'the event log'),
    })
    opened.push(() => events.close())
    const core = await assemble({ config, log, registry, now }, keys, stores, events)
    opened.push(() => core.stop())
    return { ...core.parts, start: core.start, close: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function assemble({ config, log, registry, now }: CoreOptions, keys: Keys, stores: Stores, events: FileLog) {
  const { postgres, clickhouse } = stores
  const dictionary = await openDictionary(postgres, now, tx => definitions.meaningChanged(tx, () => true))
  const readers = (kinds: ReadonlySet<string>) => (definition: Definition, set: DefinitionSet) =>
    [...set.readsOf(definition, contextAt(0))].some(name => name.startsWith('i:') && kinds.has(name.slice(2)))
  const catalogue = await openCatalogue(postgres, now, async (tx, kind, isGone) => {
    if (isGone) refuseUsed(definitions.set().all.filter(one => readers(new Set([kind]))(one, definitions.set())))
    await definitions.meaningChanged(tx, readers(new Set([kind])))
  })
  const cache = namespaceCache()
  const identity = identityWith(keys, cache)
  const identities = identityReader(keys, cache)
  const namespaces = forAWhile(() => identities.rules(postgres), namespacesForMs)
  const domains = domainsOf({ keys, identity, identities, dictionary, now })
  const metrics = pipelineMetrics(registry)
  const processor = new Processor({ postgres, clickhouse, domains, metrics, log, now, stored: () => evaluator.hurry() })
  const fingerprints = fingerprinting(keys.derive('message-ids'))
  const owner = ownerOf(config.dataDir)
  const workers = Array.from(
    { length: events.partitions },
    (_, partition) =>
      new Worker({
        partition,
        owner,
        events,
        postgres,
        processor,
        openRemembered: () =>
          rememberMessages({ directory: join(config.dataDir, 'messages', `${partition}`), now }, fingerprints, batch =>
            offsetOf(untilOf(batch)),
          ),
        rejectedPositions: (from, until) => rejectedPositions(postgres, from, until),
        metrics,
        log,
        now,
      }),
  )
  const contextAt = (at: number): RuleContext => ({
    now: at,
    zone: config.timezone,
    marks: dictionary.marks(),
    blindIndex: keys.blindIndex,
    winOf: key => dictionary.traits().winOf(key),
    mirrorOf: key => dictionary.traits().mirrorOf(key),
    kinds: catalogue.kinds(),
    mayBeList: path => dictionary.lists.has(path),
  })
  const definitions: Definitions = await openDefinitions({
    postgres,
    types: [tagType, audienceType, dimensionType, relationType],
    zone: config.timezone,
    now,
  })
  const evaluator: Evaluator = new Evaluator({
    postgres,
    clickhouse,
    // What rules mean is taken up with them: a change of it is decided under their revision.
    definitions: {
      ...definitions,
      async reload() {
        await Promise.all([dictionary.reload(), catalogue.reload()])
        await definitions.reload()
      },
    },
    owner,
    zone: config.timezone,
    contextAt,
    mirrorRoots: () => pipeline.mirrorNow(),
    storedAsOf: () => pipeline.asOf,
    metrics: evaluationMetrics(registry),
    log,
    now,
  })
  const pipeline: Pipeline = new Pipeline(
    events,
    processor,
    workers,
    () => postgres.transaction(tx => dictionary.observer.flush(tx)),
    async signal => {
      try {
        await mirrorEntities(postgres, clickhouse, (tx, kinds) => definitions.meaningChanged(tx, readers(kinds)))
        await mirrorRoots(postgres, clickhouse)
        await reattribute({ postgres, clickhouse, keys, partitions: [...workers.keys(), importPartition], now, signal })
      } catch (error) {
        if (!signal.aborted)
          log.error({ err: error }, 'merges, unmerges and the catalogue could not be brought to ClickHouse; it is tried again')
        throw error
      }
    },
  )
  /** Stores the batches of imports that were decided and are not being stored by anybody. */
  const completeImports = async () => {
    for (const range of await preparedRanges(postgres, importPartition)) await processor.complete(range, await importer.replay(range.range))
  }
  const importer: Importer = new Importer({
    postgres,
    keys,
    sink: new ImportSink(processor, completeImports),
    zone: config.timezone,
    openSeenRows: (directory, inMemory) =>
      openSeenMessages({ directory, now, windowDays: Number.POSITIVE_INFINITY, ...(inMemory === undefined ? {} : { flushAt: inMemory }) }),
    directory: join(config.dataDir, 'imports'),
    log,
    now,
  })

  return {
    parts: {
      stores,
      keys,
      events,
      dictionary,
      catalogue,
      identity,
      namespaces,
      processor,
      pipeline,
      definitions,
      evaluator,
      contextAt,
      importer,
    },
    async start() {
      await completeImports()
      await forgetFinishedRanges(postgres, importPartition, now())
      pipeline.start()
      evaluator.start()
      await importer.recover()
    },
    async stop() {
      await importer.close()
      await evaluator.stop()
      await pipeline.stop()
      await postgres
        .transaction(tx => dictionary.observer.flush(tx))
        .catch(error => log.warn({ err: error }, 'what was observed last was not saved'))
    },
  }
}

function refuseUsed(users: readonly Definition[]): void {
  if (users.length === 0) return
  const details = users.map(({ kind, key }) => ({ path: `${kind} ${key}`, message: 'asks for entities of it' }))
  throw new Refusal(409, 'in-use', 'this kind is used, see details; change or delete what uses it first', details)
}

/** Asks again once the answer is older than `ms`. */
function forAWhile<T>(ask: () => Promise<T>, ms: number): () => Promise<T> {
  let answer: Promise<T> | undefined
  let askedAt = 0
  return () => {
    if (answer === undefined || performance.now() - askedAt > ms) {
      askedAt = performance.now()
      answer = ask()
      answer.catch(() => {
        answer = undefined
      })
    }
    return answer
  }
}
