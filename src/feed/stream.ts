import { setTimeout as sleep } from 'node:timers/promises'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { seesPersonal } from '../access/caller.ts'
import type { Queryable } from '../store/postgres.ts'
import { type Change, type ChangeFilter, changesAfter, lastChange } from './changes.ts'

interface StreamPosition {
  lastEventId: string | undefined
  signal: AbortSignal
}

export interface ChangeStreamParts {
  postgres: Queryable
  /** Answers with server-sent events. */
  eventStream: (c: Context, source: (position: StreamPosition) => AsyncIterable<{ id: number; event: string; data: unknown }>) => Response
}

const everyMs = 200
const pageSize = 500

export const definitionNames = z
  .string()
  .regex(/^(tag|audience):[a-z][a-z0-9_]{0,63}$/, 'a definition is tag:KEY or audience:KEY')
  .openapi({ example: 'tag:lifecycle' })

const route = createRoute({
  method: 'get',
  path: '/api/changes',
  tags: ['changes'],
  summary:
    'Who enters or leaves which audience, and gains, loses or changes which tag, as it is decided (server-sent events); resumes by Last-Event-ID',
  request: {
    query: z.object({
      definitions: z.string().optional().openapi({ description: 'Separated by commas', example: 'tag:lifecycle,audience:lost' }),
      causes: z.string().optional().openapi({ description: 'Separated by commas', example: 'event,time' }),
      after: z.coerce
        .number()
        .int()
        .min(0)
        .optional()
        .openapi({ description: 'Begins after the change with this id; with the next one without it' }),
    }),
  },
  responses: { 200: { description: 'A stream of `change` messages', content: { 'text/event-stream': { schema: z.string() } } } },
})

export function changeStreamRoute(app: OpenAPIHono, { postgres, eventStream }: ChangeStreamParts): void {
  app.openapi(route, c => {
    const { definitions, causes, after } = c.req.valid('query')
    const filter = { definitions: listIn(definitions), causes: listIn(causes), sensitive: seesPersonal(c.get('caller')) }
    return eventStream(c, position => liveChanges(postgres, filter, after, position)) as never
  })
}

function listIn(text: string | undefined): string[] | undefined {
  return text?.split(',').map(one => one.trim())
}

async function* liveChanges(
  db: Queryable,
  filter: ChangeFilter,
  after: number | undefined,
  { lastEventId, signal }: StreamPosition,
): AsyncGenerator<{ id: number; event: string; data: Change }> {
  const resumed = lastEventId !== undefined && /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : undefined
  let at = resumed ?? after ?? (await lastChange(db))
  while (!signal.aborted) {
    // What is not told of is passed over, up to what was there before it was asked.
    const seen = await lastChange(db)
    const changes = seen > at ? await changesAfter(db, at, filter, pageSize) : []
    for (const data of changes) {
      at = data.id
      yield { id: data.id, event: 'change', data }
    }
    if (changes.length === pageSize) continue
    at = Math.max(at, seen)
    await sleep(everyMs, undefined, { signal }).catch(() => undefined)
  }
}
