import { setInterval as every } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { ApiKeys } from './access/api-keys.ts'
import { firstKeys } from './access/first-keys.ts'
import { accessRoutes } from './access/routes.ts'
import { audienceRoutes } from './audiences/routes.ts'
import { Choices } from './catalogue/choices.ts'
import { entityRoutes } from './catalogue/entity-routes.ts'
import { kindRoutes } from './catalogue/kind-routes.ts'
import { observedCatalogueRoutes } from './catalogue/observed-routes.ts'
import { removeServerFile, writeServerFile } from './cli/running-server.ts'
import { createCollector } from './collect/collector.ts'
import { collectPaths } from './collect/description.ts'
import { collectMetrics } from './collect/metrics.ts'
import { collectRoutes } from './collect/routes.ts'
import { openSourceRegistry } from './collect/source-registry.ts'
import { ensureImportSource } from './collect/sources.ts'
import { ensureSource } from './collect/write-keys.ts'
import { type Config, clockOf } from './config.ts'
import { type Core, openCore } from './core.ts'
import { bulkDefinitionRoutes } from './definitions/bulk-routes.ts'
import { heldCount } from './definitions/held-count.ts'
import { dictionaryRoutes } from './dictionary/routes.ts'
import { deliverWebhooks } from './feed/deliver.ts'
import { changeStreamRoute } from './feed/stream.ts'
import { webhookRoutes } from './feed/webhook-routes.ts'
import { graphRoutes } from './graph/routes.ts'
import { createApi } from './http/api.ts'
import { eventStream } from './http/event-stream.ts'
import { createLogger, type Logger } from './http/logger.ts'
import { serve } from './http/server.ts'
import type { ReadyCheck } from './http/status-routes.ts'
import { identityRoutes } from './identity/routes.ts'
import { importRoutes } from './import/routes.ts'
import { overviewRoute } from './pipeline/overview.ts'
import { storedThrough } from './pipeline/ranges.ts'
import { pipelineRoutes } from './pipeline/routes.ts'
import { profileReader } from './profiles/read.ts'
import { profileRoutes } from './profiles/routes.ts'
import { observedIn } from './rules/check.ts'
import { rulesRoutes } from './rules/routes.ts'
import { pendingMigrations } from './store/migrate.ts'
import { assignmentRoutes } from './tags/assignment-routes.ts'
import { batchRoute } from './tags/batch.ts'
import { decideRoute } from './tags/decide.ts'
import { explainRoute } from './tags/explain.ts'
import { portraitsOf } from './tags/portrait.ts'
import { tagRoutes } from './tags/routes.ts'
import { version } from './version.ts'

export interface Running {
  url: string
  core: Core
  /** Takes no more requests, finishes those in flight and the batches in hand, and stops the engines. */
  stop(): Promise<void>
}

/** Where events come from whose sender uses the first write key. */
const firstSource = { key: 'default', name: 'Default', kind: 'other' } as const

const reloadEveryMs = 1_000

/** Starts everything that the configuration asks for; resolves when it takes requests. */
export async function startZhike(
  config: Config,
  logger: Logger = createLogger(config.logLevel),
  now: () => number = clockOf(config),
): Promise<Running> {
  const registry = new Registry()
  const core = await openCore({ config, log: logger, registry, now })
  const { postgres, clickhouse } = core.stores
  const stopping = new AbortController()
  try {
    const first = firstKeys(config.dataDir, config)
    const apiKeys = new ApiKeys(postgres, core.keys, now)
    await apiKeys.ensureFirst(first.apiKey)
    await ensureSource(postgres, core.keys, firstSource, first.writeKey, now())
    const sources = await openSourceRegistry(postgres, core.keys, now, error =>
      logger.warn({ err: error }, 'sources could not be read again'),
    )
    const metrics = collectMetrics(registry)
    const collector = createCollector({
      log: core.events,
      sources,
      now,
      observe: metrics.observe,
      onFault: error => logger.error({ err: error }, 'a request to the collector met a fault'),
    })
    const reader = profileReader({
      postgres,
      keys: core.keys,
      namespaces: core.namespaces,
      winOf: key => core.dictionary.traits().winOf(key),
      mirrors: () => core.dictionary.traits().mirrors,
      now,
      asOf: () => Math.min(core.pipeline.asOf, core.evaluator.asOf),
      portraitsOf: (profiles, sensitive) => portraitsOf(postgres, core.definitions, profiles, sensitive),
    })
    const definitionParts = {
      definitions: core.definitions,
      postgres,
      clickhouse,
      contextAt: core.contextAt,
      observed: () => observedIn(postgres),
      entries: () => core.dictionary.entries(),
      asOf: () => core.evaluator.asOf,
      now,
    }
    const outbound = { privateNetworks: config.outboundNetworks, ports: config.outboundPorts }
    const heldParts = {
      definitions: core.definitions,
      postgres,
      clickhouse,
      asOf: () => core.pipeline.asOf,
      heldAsOf: () => core.evaluator.appliedAsOf,
    }
    const app = createApi({
      authenticate: key => apiKeys.callerOf(key),
      logger,
      registry,
      version,
      checks: checksOf(core),
      otherPaths: collectPaths,
      routes: [
        app => accessRoutes(app, apiKeys, postgres),
        app => collectRoutes(app, { postgres, keys: core.keys, log: core.events, now, changed: () => sources.refresh() }),
        app =>
          pipelineRoutes(app, {
            postgres,
            flush: async () => {
              await core.pipeline.flush()
              await core.evaluator.flush()
            },
            now,
          }),
        app => importRoutes(app, { importer: core.importer, postgres, ensureSource: key => ensureImportSource(postgres, key, now()) }),
        app => dictionaryRoutes(app, core.dictionary, postgres),
        app => observedCatalogueRoutes(app, { postgres, dictionary: core.dictionary, choices: new Choices(postgres, clickhouse, now) }),
        app => kindRoutes(app, core.catalogue, postgres),
        app => entityRoutes(app, core.catalogue, postgres, now),
        app => overviewRoute(app, { postgres, clickhouse, asOf: () => core.pipeline.asOf }),
        app => identityRoutes(app, { postgres, keys: core.keys, now }),
        app =>
          rulesRoutes(app, {
            clickhouse,
            postgres,
            dictionary: core.dictionary,
            kinds: () => core.catalogue.kinds(),
            keys: core.keys,
            zone: config.timezone,
            asOf: () => core.pipeline.asOf,
            derived: () => core.definitions.set().derived,
            namesOf: () => core.definitions.set().namesOf,
            heldCount: rule => heldCount(heldParts, rule),
          }),
        app => tagRoutes(app, definitionParts),
        app =>
          assignmentRoutes(app, {
            definitions: core.definitions,
            postgres,
            keys: core.keys,
            namespaces: core.namespaces,
            log: core.events,
            now,
          }),
        app =>
          audienceRoutes(app, { ...definitionParts, postgres, reader, zone: config.timezone, heldAsOf: () => core.evaluator.appliedAsOf }),
        app => bulkDefinitionRoutes(app, definitionParts),
        app => graphRoutes(app, { ...definitionParts, now }),
        app => changeStreamRoute(app, { postgres, eventStream }),
        app => webhookRoutes(app, { postgres, keys: core.keys, rules: outbound, now }),
        app => batchRoute(app, { reader, definitions: core.definitions }),
        app => decideRoute(app, { reader, definitions: core.definitions }),
        app => explainRoute(app, { ...definitionParts, zone: config.timezone }),
        app => profileRoutes(app, { reader, clickhouse, watermarks: () => storedThrough(postgres), eventStream }),
      ],
    })
    await core.start()
    const served = await serve(app, (request, response) => collector.handle(request, response), {
      host: config.host,
      port: config.port,
      logger,
    })
    writeServerFile(config.dataDir, { url: served.url, pid: process.pid })
    void keepFresh(
      [() => apiKeys.reload(), () => core.dictionary.reload(), () => core.catalogue.reload(), () => core.definitions.reload()],
      logger,
      stopping.signal,
    )
    const delivering = deliverWebhooks({ postgres, keys: core.keys, rules: outbound, log: logger, now }, stopping.signal)
    logger.info({ url: served.url, dataDir: config.dataDir, version }, 'zhike serves')
    return {
      url: served.url,
      core,
      async stop() {
        stopping.abort()
        removeServerFile(config.dataDir)
        await served.stop()
        sources.close()
        await delivering
        await core.close()
        logger.info('zhike has stopped')
      },
    }
  } catch (error) {
    stopping.abort()
    await core.close()
    throw error
  }
}

function checksOf({ stores: { postgres, clickhouse }, pipeline, evaluator }: Core): ReadyCheck[] {
  return [
    { name: 'postgres', check: async () => void (await postgres.query('select 1')) },
    { name: 'clickhouse', check: async () => void (await clickhouse.query('select 1')) },
    {
      name: 'migrations',
      async check() {
        const { missing } = await pendingMigrations(postgres)
        return missing.length > 0 ? `${missing.length} migrations are not applied` : undefined
      },
    },
    { name: 'pipeline', check: () => pipeline.trouble },
    { name: 'evaluation', check: () => evaluator.trouble },
  ]
}

/** What other processes changed is taken up within a second. */
async function keepFresh(reloads: readonly (() => Promise<unknown>)[], logger: Logger, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of every(reloadEveryMs, undefined, { signal, ref: false })) {
      const results = await Promise.allSettled(reloads.map(reload => reload()))
      for (const result of results)
        if (result.status === 'rejected' && !signal.aborted) logger.warn({ err: result.reason }, 'configuration could not be read again')
    }
  } catch {
    // Stopped.
  }
}
