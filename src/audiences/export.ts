import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { audit } from '../access/audit.ts'
import { seesPersonal } from '../access/caller.ts'
import type { Json } from '../collect/event.ts'
import { heldBy } from '../definitions/membership.ts'
import type { ProfileReader } from '../profiles/read.ts'
import { knownPeople, traitValues } from '../profiles/read-many.ts'
import { Refusal } from '../refusal.ts'
import { portraitsOf } from '../tags/portrait.ts'
import { byteOrderMark, csvLine } from './csv.ts'
import { type AudienceParts, audienceIn, keyParam } from './found.ts'

export interface ExportParts extends AudienceParts {
  reader: ProfileReader
}

/** What one column shows of a person. */
interface Column {
  name: string
  of: 'id' | 'identifiers' | 'traits' | 'tags'
  key: string
}

type Row = (Json | undefined)[]

const peopleAtOnce = 1_000
const columnsAtMost = 100

const route = createRoute({
  method: 'get',
  path: '/api/audiences/{key}/export',
  tags: ['audiences'],
  summary: 'Everybody in an audience as a file; personal values are masked unless the key has the permission `personal`. Audited',
  request: {
    params: keyParam,
    query: z.object({
      format: z.enum(['csv', 'ndjson']).default('csv'),
      columns: z.string().max(10_000).default('id').openapi({
        description: 'Separated by commas: id, identifiers.NAMESPACE, traits.KEY, tags.KEY',
        example: 'id,identifiers.phone,traits.city,tags.lifecycle',
      }),
    }),
  },
  responses: {
    200: {
      description: 'CSV (UTF-8 with a byte order mark; text that a spreadsheet would run is guarded), or a JSON object per line',
      content: { 'text/csv': { schema: z.string() }, 'application/x-ndjson': { schema: z.string() } },
    },
  },
})

export function exportRoute(app: OpenAPIHono, parts: ExportParts): void {
  app.openapi(route, async c => {
    const { key } = c.req.valid('param')
    const audience = audienceIn(parts, key)
    const { format, columns: names } = c.req.valid('query')
    const columns = columnsIn(names, parts)
    const caller = c.get('caller')
    const personal = seesPersonal(caller)
    await audit(parts.postgres, parts.now(), {
      who: caller.id,
      did: 'audience.export',
      what: `audience:${key}`,
      details: { format, columns: columns.map(({ name }) => name), personal },
    })
    const rows = rowsOf(parts, audience.id, columns, personal, c.req.raw.signal)
    const type = format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson'
    return c.body(bytesOf(format === 'csv' ? asCsv(rows, columns) : asLines(rows, columns)), 200, {
      'content-type': type,
      'content-disposition': `attachment; filename="${key}.${format}"`,
    }) as never
  })
}

/** @throws Refusal for a column that there is none of */
function columnsIn(names: string, { definitions }: AudienceParts): Column[] {
  const columns = [...new Set(names.split(',').map(name => name.trim()))].map((name): Column => {
    const [, of, key = ''] = /^(identifiers|traits|tags)\.(.+)$/s.exec(name) ?? []
    if (name === 'id') return { name, of: 'id', key }
    if (of === undefined || (of === 'tags' && !definitions.set().find('tag', key)))
      throw new Refusal(422, 'unknown-column', 'a column is id, identifiers.NAMESPACE, traits.KEY or tags.KEY of a tag that there is', [
        { path: 'columns', message: `there is no column ${JSON.stringify(name)}` },
      ])
    return { name, of: of as Column['of'], key }
  })
  if (columns.length > columnsAtMost) throw new Refusal(422, 'too-many-columns', `a file has at most ${columnsAtMost} columns`)
  return columns
}

/** All as of the moment at which it is asked, by id. */
async function* rowsOf(
  parts: ExportParts,
  audience: number,
  columns: readonly Column[],
  personal: boolean,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  const { text, params } = await heldBy(parts.postgres, audience)
  let people: number[] = []
  for await (const { profile } of parts.clickhouse.stream<{ profile: number }>(
    `select distinct profile from (${text}) order by profile`,
    params,
    { signal },
  )) {
    if (people.push(profile) < peopleAtOnce) continue
    yield* await rowsOfPeople(parts, people, columns, personal)
    people = []
  }
  yield* await rowsOfPeople(parts, people, columns, personal)
}

async function rowsOfPeople(parts: ExportParts, people: readonly number[], columns: readonly Column[], personal: boolean): Promise<Row[]> {
  if (people.length === 0) return []
  const asks = (of: Column['of']) => columns.some(column => column.of === of)
  if (columns.every(({ of }) => of === 'id')) return people.map(id => columns.map(() => `${id}`))
  const [known, portraits] = await Promise.all([
    knownPeople(parts.reader, people),
    asks('tags') ? portraitsOf(parts.postgres, parts.definitions, people, personal) : undefined,
  ])
  return known.flatMap((person, index) => {
    const id = people[index]
    // Who was merged away meanwhile is in the file as the survivor, if that one is in.
    if (!person || id === undefined || person.root !== id) return []
    const traits = asks('traits') ? traitValues(parts.reader, person, personal) : {}
    const tags = portraits?.get(id)?.tags ?? []
    const held = (namespace: string) => {
      const values = person.identifiers
        .filter(one => one.namespace === namespace && one.state === 'linked')
        .map(({ clear, masked }) => (personal ? clear : masked))
      return values.length > 1 ? values : values[0]
    }
    return [
      columns.map(({ of, key }) => {
        if (of === 'identifiers') return held(key)
        if (of === 'tags') return tags.find(tag => tag.key === key)?.value
        return of === 'traits' ? traits[key] : `${id}`
      }),
    ]
  })
}

async function* asCsv(rows: AsyncIterable<Row>, columns: readonly Column[]): AsyncGenerator<string> {
  yield byteOrderMark + csvLine(columns.map(({ name }) => name))
  for await (const row of rows) yield csvLine(row)
}

async function* asLines(rows: AsyncIterable<Row>, columns: readonly Column[]): AsyncGenerator<string> {
  for await (const row of rows)
    yield `${JSON.stringify(Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null])))}\n`
}

const bytesAtOnce = 64 * 1024

/** Asked for the next part only when the one before has been taken. */
function bytesOf(lines: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let text = ''
        while (text.length < bytesAtOnce) {
          const next = await lines.next()
          if (next.done) {
            if (text) controller.enqueue(encoder.encode(text))
            return controller.close()
          }
          text += next.value
        }
        controller.enqueue(encoder.encode(text))
      },
      cancel: async () => void (await lines.return(undefined)),
    },
    { highWaterMark: 1 },
  )
}
