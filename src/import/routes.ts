import { Readable } from 'node:stream'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { stream } from 'hono/streaming'
import { Refusal } from '../refusal.ts'
import type { Postgres } from '../store/postgres.ts'
import type { Content } from './content-hash.ts'
import type { Added, Importer, Pace } from './importer.ts'
import { type Import, importById, importStates, latestImports } from './imports.ts'
import { sampleFrom } from './inspect.ts'
import { joined, type Part, partsOf } from './multipart.ts'
import { receive } from './upload.ts'

export interface ImportRoutesParts {
  importer: Importer
  postgres: Postgres
  /** Told before a file is imported, so that its facts have a source that is known. */
  ensureSource?: (key: string) => Promise<void>
}

const importSchema = z
  .object({
    id: z.int().openapi({ example: 7 }),
    name: z.string().openapi({ example: 'orders.csv' }),
    source: z.string().openapi({ example: 'shop' }),
    state: z.enum(importStates),
    failure: z.string().nullable().openapi({ description: 'Why it failed, as a sentence' }),
    fileName: z.string(),
    fileBytes: z.int(),
    bytesRead: z.int(),
    rows: z.object({
      read: z.int(),
      imported: z.int(),
      rejected: z.int(),
      repeated: z.int().openapi({ description: 'Rows that this file or an earlier one had brought' }),
      leftOut: z.int().openapi({ description: 'Rows that the mapping leaves out' }),
    }),
    rowsPerSecond: z.number().nullable(),
    secondsLeft: z.number().nullable(),
    mapping: z.unknown(),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
  })
  .openapi('Import')

const idParam = z.object({
  id: z.coerce
    .number()
    .int()
    .positive()
    .openapi({ param: { in: 'path', name: 'id' }, example: 7 }),
})
const json = <S extends z.ZodType>(schema: S, description: string) => ({ description, content: { 'application/json': { schema } } })
const tags = ['imports']

const list = createRoute({
  method: 'get',
  path: '/api/imports',
  tags,
  summary: 'Imports, the newest first',
  request: {
    query: z.object({ limit: z.coerce.number().int().min(1).max(200).default(50), before: z.coerce.number().int().positive().optional() }),
  },
  responses: { 200: json(z.object({ imports: z.array(importSchema) }), 'A page of imports; `before` the last id gives the next') },
})

const read = createRoute({
  method: 'get',
  path: '/api/imports/{id}',
  tags,
  summary: 'An import and how far it has come',
  request: { params: idParam },
  responses: { 200: json(importSchema, 'The import') },
})

const find = createRoute({
  method: 'post',
  path: '/api/imports/find',
  'x-permission': 'read',
  tags,
  summary: 'Whether a file was imported under a mapping, before it is sent',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({
            contentHash: z
              .string()
              .regex(/^[0-9a-f]{64}$/)
              .openapi({ description: 'SHA-256 of the file' }),
            mapping: z.unknown(),
            source: z.string().optional(),
          }),
        },
      },
    },
  },
  responses: { 200: json(z.object({ import: importSchema.nullable() }), 'The import, or null') },
})

const preview = createRoute({
  method: 'post',
  path: '/api/imports/preview',
  'x-permission': 'read',
  tags,
  summary: 'The first rows of a file as they would become, personal values masked; without a mapping one is proposed',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({
            name: z.string().max(255).openapi({ example: 'orders.csv' }),
            sample: z.base64().openapi({ description: 'The first bytes of the file, 256 kB or so, also compressed' }),
            whole: z.boolean().default(false).openapi({ description: 'There is nothing more in the file' }),
            mapping: z.unknown().optional(),
            rows: z.int().min(1).max(100).default(10),
          }),
        },
      },
    },
  },
  responses: {
    200: json(
      z.object({
        shape: z.object({ kind: z.enum(['csv', 'ndjson']), delimiter: z.string().optional(), header: z.array(z.string()) }),
        mapping: z.unknown(),
        notes: z.array(z.string()),
        rows: z.array(z.unknown()),
      }),
      'What the file is, the mapping, and the first rows',
    ),
  },
})

const change = (action: 'pause' | 'resume' | 'cancel', summary: string) =>
  createRoute({
    method: 'post',
    path: `/api/imports/{id}/${action}`,
    tags,
    summary,
    request: { params: idParam },
    responses: { 200: json(importSchema, 'The import'), 409: { description: 'It is not in a state for that' } },
  })

const day = 24 * 3600

const uploadForm = z.object({
  file: z.string().openapi({ format: 'binary', description: 'CSV or NDJSON in UTF-8, gzip too' }),
  mapping: z.string().openapi({ description: 'The mapping document as JSON' }),
  name: z.string().optional(),
  source: z.string().optional().openapi({ description: 'Instead of the mapping’s' }),
  again: z.enum(['true', 'false']).optional().openapi({ description: 'Also when another mapping has imported this file' }),
})

export function importRoutes(app: OpenAPIHono, { importer, postgres, ensureSource }: ImportRoutesParts): void {
  const shown = (found: Import) => importView(found, importer.paceOf(found.id))

  app.openapi(list, async c => {
    const { limit, before } = c.req.valid('query')
    return c.json({ imports: (await latestImports(postgres, limit, before)).map(shown) }, 200)
  })
  app.openapi(find, async c => {
    const { contentHash, mapping, source } = c.req.valid('json')
    const found = await importer.find(contentHash, mapping, source)
    return c.json({ import: found ? shown(found) : null }, 200)
  })
  app.openapi(preview, async c => {
    const { name, sample, whole, mapping, rows } = c.req.valid('json')
    const { shape, ...seen } = importer.preview(sampleFrom(Buffer.from(sample, 'base64'), whole), mapping, name, rows)
    return c.json({ shape: { ...shape }, ...seen }, 200)
  })
  app.openapi(read, async c => c.json(shown(await importById(postgres, c.req.valid('param').id)), 200))
  app.openapi(change('pause', 'Pause after the batch in hand'), async c =>
    c.json(shown(await importer.pause(c.req.valid('param').id)), 200),
  )
  app.openapi(change('resume', 'Go on with a paused or failed import'), async c =>
    c.json(shown(await importer.goOn(c.req.valid('param').id)), 200),
  )
  app.openapi(change('cancel', 'End an import; what it brought stays'), async c =>
    c.json(shown(await importer.cancel(c.req.valid('param').id)), 200),
  )
  rejectedRoute(app, importer)
  uploadRoute(app, importer, shown, ensureSource)
}

/** Described by hand, as its body is read as it comes and never held in memory. */
function uploadRoute(
  app: OpenAPIHono,
  importer: Importer,
  shown: (found: Import) => unknown,
  ensureSource: ImportRoutesParts['ensureSource'],
): void {
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/api/imports',
    'x-body-limit-bytes': 0,
    'x-time-limit-seconds': day,
    tags,
    summary: 'Import a file. The same file under the same mapping goes on where it stopped, or brings nothing new',
    request: {
      query: uploadForm.omit({ file: true }).partial(),
      body: {
        required: true,
        content: {
          'multipart/form-data': { schema: uploadForm },
          'application/octet-stream': {
            schema: z.string().openapi({ format: 'binary', description: 'The file itself; the rest stands in the query' }),
          },
        },
      },
    },
    responses: {
      200: json(importSchema, 'It is known: done, or going on'),
      201: json(importSchema, 'A new import, which runs in the background'),
      409: { description: 'Another mapping has imported this file' },
      413: { description: 'The file is too large' },
      422: { description: 'The file or the mapping cannot be used: every fault by its path' },
    },
  })
  app.post('/api/imports', async c => {
    const added = await withUpload(c, importer, async (form, path, content) => {
      const { fileName = 'upload', name, source, again } = form
      return importer.add({ path, content, fileName, name, source, again: again === 'true', mapping: documentIn(form.mapping) })
    })
    if (added.kind === 'repeated') return c.json(shown(added.import), 200)
    await ensureSource?.(added.import.source)
    return c.json(shown(await importer.goOn(added.import.id)), added.kind === 'new' ? 201 : 200)
  })
}

interface UploadForm {
  fileName?: string
  name?: string
  source?: string
  again?: string
  mapping?: string
}

/** Receives the file and the fields around it; the file goes when it cannot be used. */
async function withUpload(
  c: Context,
  importer: Importer,
  use: (form: UploadForm, path: string, content: Content) => Promise<Added>,
): Promise<Added> {
  const body = c.req.raw.body
  if (!body)
    throw new Refusal(400, 'body-missing', 'Send the file as the body, or as a multipart form with the fields "file" and "mapping".')
  const bytes = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]) as AsyncIterable<Uint8Array>
  const path = await importer.uploadPath()
  const form: UploadForm = { ...c.req.query() }
  const contentType = c.req.header('content-type') ?? ''
  const isForm = /^multipart\/form-data/i.test(contentType)
  try {
    const content = isForm ? await receiveForm(partsOf(bytes, contentType), path, form) : await receive(bytes, path)
    return await use(form, path, content)
  } catch (error) {
    await importer.discard(path)
    throw error
  }
}

const fields = ['mapping', 'name', 'source', 'again'] as const

async function receiveForm(parts: AsyncIterable<Part>, path: string, form: UploadForm): Promise<Content> {
  let content: Content | undefined
  for await (const part of parts) {
    const field = fields.find(name => name === part.name)
    if (part.name === 'file' && !content) {
      content = await receive(part.content, path)
      if (part.fileName) form.fileName = part.fileName
    } else if (field) form[field] = (await joined(part.content)).toString()
  }
  if (!content) throw new Refusal(400, 'file-missing', 'The form has no field "file".')
  return content
}

function documentIn(text: string | undefined): unknown {
  if (text === undefined)
    throw new Refusal(422, 'mapping-missing', 'Send the mapping document as "mapping"; POST /api/imports/preview proposes one.')
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(422, 'mapping-refused', 'The mapping is not JSON.')
  }
}

function rejectedRoute(app: OpenAPIHono, importer: Importer): void {
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/imports/{id}/rejected',
    'x-permission': 'personal',
    tags,
    summary: 'The rejected rows with line, column and reason, as CSV that can be mended and imported',
    request: { params: idParam },
    responses: { 200: { description: 'The rows as they stood in the file', content: { 'text/csv': { schema: z.string() } } } },
  })
  app.get('/api/imports/:id/rejected', async c => {
    const id = Number(c.req.param('id'))
    const rejects = await importer.rejects(Number.isSafeInteger(id) ? id : 0)
    c.header('content-type', 'text/csv; charset=utf-8')
    c.header('content-disposition', `attachment; filename="import-${id}.rejected.csv"`)
    return stream(c, async out => {
      for await (const chunk of rejects) await out.write(chunk)
    })
  })
}

function importView(found: Import, pace: Pace | undefined) {
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  const bytesLeft = found.fileBytes - found.bytesRead
  const isPaced = found.state === 'running' && pace !== undefined && pace.seconds > 0
  return {
    id: found.id,
    name: found.name,
    source: found.source,
    state: found.state,
    failure: found.failure,
    fileName: found.fileName,
    fileBytes: found.fileBytes,
    bytesRead: found.bytesRead,
    rows: { read: found.rowsRead, imported: found.imported, rejected: found.rejected, repeated: found.repeated, leftOut: found.leftOut },
    rowsPerSecond: isPaced ? pace.rows / pace.seconds : null,
    secondsLeft: isPaced && pace.bytes > 0 ? (bytesLeft / pace.bytes) * pace.seconds : null,
    mapping: JSON.parse(found.mapping) as unknown,
    createdAt: new Date(found.createdAt).toISOString(),
    startedAt: iso(found.startedAt),
    finishedAt: iso(found.finishedAt),
  }
}
