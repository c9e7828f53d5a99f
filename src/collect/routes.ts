import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { audit } from '../access/audit.ts'
import { seesPersonal } from '../access/caller.ts'
import { newKey } from '../access/first-keys.ts'
import { Refusal } from '../refusal.ts'
import type { Json } from './event.ts'
import { masked } from './masked.ts'
import { type RejectedView, rejectedCounts, rejectedPage } from './rejected.ts'
import { type ReplayParts, replayRejected } from './replay.ts'
import { allSources, changeSource, createSource, deleteSource, type Source, sourceKey, sourceKinds, sourceNamed } from './sources.ts'
import { addWriteKey, removeWriteKey, rotateWriteKey, writeKeysOf } from './write-keys.ts'

export interface CollectParts extends ReplayParts {
  /** Called after a change, so that this process knows it at once. */
  changed: () => Promise<void>
}

const key = z.string().regex(sourceKey).openapi({ example: 'web-shop', description: 'A letter, then letters, digits, _ and -' })
const name = z.string().trim().min(1).max(100).openapi({ example: 'Web shop' })
const kind = z.enum(sourceKinds).openapi({ description: 'The channel of its events; `other` leaves it to what each message says' })
const source = z.object({ key, name, kind, enabled: z.boolean(), createdAt: z.iso.datetime() }).openapi('Source')
const writeKey = z
  .object({
    id: z.string().openapi({ example: 'wk_5f1d0c2b3a496877' }),
    key: z.string().openapi({ example: 'zw_…' }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().optional(),
  })
  .openapi('WriteKey')
const params = z.object({ key })
const json = <T extends z.ZodType>(schema: T) => ({ 'application/json': { schema } })

const listSources = createRoute({
  method: 'get',
  path: '/api/sources',
  tags: ['collect'],
  summary: 'Where events come from',
  responses: { 200: { description: 'Sources, the oldest first', content: json(z.object({ sources: z.array(source) })) } },
})

const addSource = createRoute({
  method: 'post',
  path: '/api/sources',
  tags: ['collect'],
  summary: 'Add a source; its write key is in the answer',
  request: {
    body: {
      required: true,
      content: json(
        z
          .strictObject({ key, name, kind: kind.default('other') })
          .openapi('NewSource', { example: { key: 'web-shop', name: 'Web shop', kind: 'web' } }),
      ),
    },
  },
  responses: { 201: { description: 'Added', content: json(source.extend({ writeKey: z.string() }).openapi('AddedSource')) } },
})

const oneSource = createRoute({
  method: 'get',
  path: '/api/sources/{key}',
  tags: ['collect'],
  summary: 'A source',
  request: { params },
  responses: { 200: { description: 'The source', content: json(source) } },
})

const putSource = createRoute({
  method: 'put',
  path: '/api/sources/{key}',
  tags: ['collect'],
  summary: 'Rename a source, say what sends to it, enable or disable it; what is left out stays',
  request: {
    params,
    body: {
      required: true,
      content: json(
        z
          .strictObject({ name, kind, enabled: z.boolean() })
          .partial()
          .openapi('SourceChange', { example: { enabled: false } }),
      ),
    },
  },
  responses: { 200: { description: 'As it is now; collectors know it within a second', content: json(source) } },
})

const dropSource = createRoute({
  method: 'delete',
  path: '/api/sources/{key}',
  tags: ['collect'],
  summary: 'Remove a source that never sent anything; disable others',
  request: { params },
  responses: { 204: { description: 'Removed' } },
})

const listWriteKeys = createRoute({
  method: 'get',
  path: '/api/sources/{key}/write-keys',
  'x-permission': 'write',
  tags: ['collect'],
  summary: 'The write keys of a source',
  request: { params },
  responses: { 200: { description: 'Keys, the newest first', content: json(z.object({ writeKeys: z.array(writeKey) })) } },
})

const week = 7 * 86_400

const rotate = createRoute({
  method: 'post',
  path: '/api/sources/{key}/rotate',
  tags: ['collect'],
  summary: 'A new write key; the old ones are taken for some time yet',
  request: {
    params,
    query: z.object({
      keepOldForSeconds: z.coerce
        .number()
        .int()
        .min(0)
        .max(52 * week)
        .default(week),
    }),
  },
  responses: { 200: { description: 'The new key', content: json(z.object({ writeKey: z.string() })) } },
})

const dropWriteKey = createRoute({
  method: 'delete',
  path: '/api/sources/{key}/write-keys/{id}',
  tags: ['collect'],
  summary: 'Take a write key away',
  request: { params: z.object({ key, id: z.string() }) },
  responses: { 204: { description: 'It lets nobody in any more' } },
})

const moment = z.iso.datetime({ offset: true }).transform(text => Date.parse(text))
const filter = z.object({
  source: z.string().optional(),
  code: z.string().optional().openapi({ example: 'no_identifier' }),
  from: moment.optional().openapi({ type: 'string', format: 'date-time' }),
  to: moment.optional().openapi({ type: 'string', format: 'date-time' }),
})
const rejection = z.object({ code: z.string(), path: z.string(), message: z.string() })
const rejectedItem = z
  .object({
    id: z.string().openapi({ example: '4711' }),
    source: z.string(),
    receivedAt: z.iso.datetime(),
    rejection,
    replayedAt: z.iso.datetime().optional(),
    item: z.unknown().openapi({ type: 'object', description: 'As it came: its shape only, or with `clear` its values' }),
  })
  .openapi('RejectedItem')

const listRejected = createRoute({
  method: 'get',
  path: '/api/rejected',
  tags: ['collect'],
  summary: 'Items that were not taken, with the reason, the newest first',
  request: {
    query: filter.extend({
      replayed: z.stringbool().optional().openapi({ type: 'boolean' }),
      clear: z
        .stringbool()
        .default(false)
        .openapi({ type: 'boolean', description: 'Show the values: asks for the permission `personal`, and is audited' }),
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: z
        .string()
        .regex(/^\d{1,18}$/)
        .optional(),
    }),
  },
  responses: { 200: { description: 'A page', content: json(z.object({ rejected: z.array(rejectedItem), next: z.string().optional() })) } },
})

const countRejected = createRoute({
  method: 'get',
  path: '/api/rejected/counts',
  tags: ['collect'],
  summary: 'How many items of each source were not taken for which reason, and not replayed since',
  request: { query: filter },
  responses: {
    200: {
      description: 'The most frequent first',
      content: json(z.object({ counts: z.array(z.object({ source: z.string(), code: z.string(), count: z.int() })) })),
    },
  },
})

const ids = z
  .array(z.string().regex(/^\d{1,18}$/))
  .min(1)
  .max(1000)
const replay = createRoute({
  method: 'post',
  path: '/api/rejected/replay',
  'x-time-limit-seconds': 600,
  'x-body-limit-bytes': 16 * 1024 * 1024,
  tags: ['collect'],
  summary: 'Send rejected items again, as they are or corrected',
  description: 'They go through the same check and the log, with the time at which they first came. What was replayed is not sent again.',
  request: {
    body: {
      required: true,
      content: json(
        z
          .union([
            z.strictObject({ ids }),
            z.strictObject({
              items: z
                .array(z.strictObject({ id: z.string().regex(/^\d{1,18}$/), item: z.record(z.string(), z.unknown()) }))
                .min(1)
                .max(1000),
            }),
            z.strictObject({ filter: filter.strict() }),
          ])
          .openapi('Replay', { example: { filter: { source: 'web-shop', code: 'no_identifier' } } }),
      ),
    },
  },
  responses: {
    200: {
      description: 'How many were taken, and which were not, for the reason that holds now',
      content: json(z.object({ replayed: z.int(), refused: z.array(z.object({ id: z.string(), rejection })) })),
    },
  },
})

/** `/api/sources` and `/api/rejected`. */
export function collectRoutes(app: OpenAPIHono, parts: CollectParts): void {
  sourceRoutes(app, parts)
  writeKeyRoutes(app, parts)
  rejectedRoutes(app, parts)
}

function sourceRoutes(app: OpenAPIHono, { postgres, keys, now, changed }: CollectParts): void {
  app.openapi(listSources, async c => c.json({ sources: (await allSources(postgres)).map(shown) }, 200))

  app.openapi(oneSource, async c => c.json(shown(await sourceNamed(postgres, c.req.valid('param').key)), 200))

  app.openapi(addSource, async c => {
    const made: Source = { ...c.req.valid('json'), enabled: true, createdAt: now() }
    const writeKey = newKey('zw')
    await postgres.transaction(async tx => {
      await createSource(tx, made)
      await addWriteKey(tx, keys, made.key, writeKey, now())
      await audit(tx, now(), { who: c.var.caller.id, did: 'source.add', what: made.key })
    })
    await changed()
    return c.json({ ...shown(made), writeKey }, 201)
  })

  app.openapi(putSource, async c => {
    const { key } = c.req.valid('param')
    const { name, kind, enabled } = c.req.valid('json')
    const change = {
      ...(name === undefined ? {} : { name }),
      ...(kind === undefined ? {} : { kind }),
      ...(enabled === undefined ? {} : { enabled }),
    }
    const source = await postgres.transaction(async tx => {
      await audit(tx, now(), { who: c.var.caller.id, did: 'source.change', what: key, details: change })
      return changeSource(tx, key, change)
    })
    await changed()
    return c.json(shown(source), 200)
  })

  app.openapi(dropSource, async c => {
    const { key } = c.req.valid('param')
    await postgres.transaction(async tx => {
      await deleteSource(tx, key)
      await audit(tx, now(), { who: c.var.caller.id, did: 'source.remove', what: key })
    })
    await changed()
    return c.body(null, 204)
  })
}

function writeKeyRoutes(app: OpenAPIHono, { postgres, keys, now, changed }: CollectParts): void {
  app.openapi(listWriteKeys, async c => {
    const { key } = await sourceNamed(postgres, c.req.valid('param').key)
    const found = await writeKeysOf(postgres, keys, key, now())
    const writeKeys = found.map(({ createdAt, expiresAt, ...rest }) => ({
      ...rest,
      createdAt: iso(createdAt),
      ...(expiresAt === undefined ? {} : { expiresAt: iso(expiresAt) }),
    }))
    return c.json({ writeKeys }, 200)
  })

  app.openapi(rotate, async c => {
    const { key } = c.req.valid('param')
    const { keepOldForSeconds } = c.req.valid('query')
    const writeKey = await postgres.transaction(async tx => {
      await audit(tx, now(), { who: c.var.caller.id, did: 'source.rotate', what: key })
      return rotateWriteKey(tx, keys, key, keepOldForSeconds * 1000, now())
    })
    await changed()
    return c.json({ writeKey }, 200)
  })

  app.openapi(dropWriteKey, async c => {
    const { key, id } = c.req.valid('param')
    await postgres.transaction(async tx => {
      await removeWriteKey(tx, key, id, now())
      await audit(tx, now(), { who: c.var.caller.id, did: 'source.remove-key', what: key, details: { id } })
    })
    await changed()
    return c.body(null, 204)
  })
}

function rejectedRoutes(app: OpenAPIHono, parts: CollectParts): void {
  const { postgres, keys, now } = parts

  app.openapi(listRejected, async c => {
    const { clear, limit, cursor, ...filter } = c.req.valid('query')
    if (clear && !seesPersonal(c.var.caller))
      throw new Refusal(403, 'personal-data', 'this key may not see personal data; leave out `clear`')
    if (clear) await audit(postgres, now(), { who: c.var.caller.id, did: 'rejected.read', what: 'rejected', details: { limit } })
    const { rejected, next } = await rejectedPage(postgres, keys, present(filter), limit, cursor)
    return c.json({ rejected: rejected.map(one => view(one, clear)), ...(next === undefined ? {} : { next }) }, 200)
  })

  app.openapi(countRejected, async c =>
    c.json({ counts: await rejectedCounts(postgres, { ...present(c.req.valid('query')), replayed: false }) }, 200),
  )

  app.openapi(replay, async c => {
    const asked = c.req.valid('json')
    const selection = 'ids' in asked ? { ids: asked.ids } : 'filter' in asked ? present(asked.filter) : corrections(asked.items)
    const result = await replayRejected(parts, selection)
    await audit(postgres, now(), {
      who: c.var.caller.id,
      did: 'rejected.replay',
      what: 'rejected',
      details: { replayed: result.replayed, refused: result.refused.length },
    })
    return c.json(result, 200)
  })
}

function corrections(items: readonly { id: string; item: Record<string, unknown> }[]): { ids: string[]; corrected: Map<string, Json> } {
  return { ids: items.map(({ id }) => id), corrected: new Map(items.map(({ id, item }) => [id, item as Json])) }
}

/** Without the keys whose value is undefined. */
function present<T extends object>(filter: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

function shown({ createdAt, ...rest }: Source) {
  return { ...rest, createdAt: iso(createdAt) }
}

function view({ receivedAt, replayedAt, item, ...rest }: RejectedView, clear: boolean) {
  return {
    ...rest,
    receivedAt: iso(receivedAt),
    ...(replayedAt === undefined ? {} : { replayedAt: iso(replayedAt) }),
    item: clear ? item.message : masked(item.message),
  }
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
