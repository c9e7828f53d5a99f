import { z } from '@hono/zod-openapi'
import { audit } from '../access/audit.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import { declarationFault, declaredTypes, mirrorOfConsent, win } from './declared.ts'
import { type Marks, marksOf } from './marks.ts'
import { dropExamples } from './observed.ts'

const wording = z.strictObject({ zh: z.string().trim().max(200).optional(), en: z.string().trim().max(200).optional() })

/** What people say of an event, a property or a trait. Absent is unsaid; a document replaces the one before. */
const said = {
  zh: z.string().trim().max(200).optional().openapi({ description: 'Chinese name', example: '浏览项目' }),
  en: z.string().trim().max(200).optional().openapi({ description: 'English name', example: 'Product viewed' }),
  description: z.string().trim().max(2000).optional(),
  personal: z.boolean().optional().openapi({
    description:
      'true: only a keyed hash of new values is kept; false: it is no personal data, whatever it looks like; absent: the classifier decides',
  }),
  sensitive: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .optional()
    .openapi({ description: 'The consent purpose that reading it needs', example: 'medical' }),
  values: z
    .record(z.string().max(200), wording)
    .refine(values => Object.keys(values).length <= 500, 'at most 500 values can be named')
    .optional()
    .openapi({ description: 'Names of values', example: { dry: { zh: '干性', en: 'Dry' } } }),
}
const type = z.enum(declaredTypes).optional().openapi({ description: 'What its values are meant to be; `enum`: those of `values`' })
const propertySaid = { ...said, type }
const traitSaid = { ...propertySaid, win: win.optional(), mirror: mirrorOfConsent.optional() }

/** Everything that an entry can say; which of it an entry may say depends on its kind. */
export const entryShape = z.strictObject(traitSaid)
export type EntryDocument = z.infer<typeof entryShape>

const version = z.int().min(0).optional().openapi({ description: 'The version that the change was made on; a newer one is refused' })
const consistent = (document: EntryDocument, context: z.RefinementCtx) => {
  const fault = declarationFault(document)
  if (fault) context.addIssue({ code: 'custom', path: [fault.path], message: fault.message })
}

/** The document of each kind of entry, as it is put: with the version that the change was made on. */
export const entryDocuments = {
  event: z.strictObject({ ...said, version }),
  property: z.strictObject({ ...propertySaid, version }).superRefine(consistent),
  trait: z.strictObject({ ...traitSaid, version }).superRefine(consistent),
} as const

export type EntryKind = 'event' | 'property' | 'trait'

/** What an entry is about. A property without an event is that property in every event. */
export interface EntrySubject {
  kind: EntryKind
  event?: string
  name: string
}

export interface Entry extends EntrySubject {
  document: EntryDocument
  version: number
  updatedAt: string
}

interface EntryRow {
  kind: EntryKind
  event: string
  name: string
  document: EntryDocument
  version: number
  updated_at: Date
}

export async function entriesIn(db: Queryable): Promise<Entry[]> {
  const rows = await db.query<EntryRow>(
    'select kind, event, name, document, version, updated_at from dictionary_entries order by kind, event, name',
  )
  return rows.map(entryOf)
}

/** How many changes there were: versions only grow, and entries are never removed. */
export async function changesIn(db: Queryable): Promise<number> {
  const [row] = await db.query<{ changes: number }>('select coalesce(sum(version), 0)::bigint as changes from dictionary_entries')
  return row?.changes ?? 0
}

/**
 * Replaces an entry.
 * @param change `expected`: the version that it was made on, 0 for none, not compared when absent; `meaningChanged` is called where rules read
 * the subject otherwise than before
 */
export async function putEntry(
  postgres: Postgres,
  subject: EntrySubject,
  document: EntryDocument,
  change: { expected: number | undefined; by: string; at: number; meaningChanged?: ((tx: Queryable) => Promise<void>) | undefined },
): Promise<Entry> {
  const { kind, event = '', name } = subject
  return postgres.transaction(async tx => {
    const [known] = await tx.query<EntryRow>(
      'select kind, event, name, document, version, updated_at from dictionary_entries where kind = $1 and event = $2 and name = $3 for update',
      [kind, event, name],
    )
    const version = known?.version ?? 0
    if (change.expected !== undefined && change.expected !== version) throw outdated(version)
    const [row] = await tx.query<EntryRow>(
      `insert into dictionary_entries (kind, event, name, document, version, updated_at, updated_by)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (kind, event, name) do update
         set document = excluded.document, version = excluded.version, updated_at = excluded.updated_at, updated_by = excluded.updated_by
         where dictionary_entries.version = $5 - 1
       returning kind, event, name, document, version, updated_at`,
      [kind, event, name, JSON.stringify(document), version + 1, new Date(change.at), change.by],
    )
    if (!row) throw outdated(version + 1)
    if (document.personal === true || document.sensitive !== undefined) await withoutExamples(tx, subject)
    if (meaningOf(known?.document) !== meaningOf(document)) await change.meaningChanged?.(tx)
    const what = [kind, event, name].filter(Boolean).join(':')
    await audit(tx, change.at, {
      who: change.by,
      did: 'dictionary.change',
      what,
      details: { fields: Object.keys(document), version: version + 1 },
    })
    return entryOf(row)
  })
}

/** What of a document decides how rules read its subject. */
function meaningOf({ personal, sensitive, win, mirror }: EntryDocument = {}): string {
  return JSON.stringify([personal, sensitive, win, mirror])
}

/** The marks as the classifier and the compiler read them. An event's own mark holds for all of its properties. */
export function marksIn(entries: readonly Entry[]): Marks {
  const properties = entries.flatMap(({ kind, event, name, document }) => {
    if (kind === 'trait') return []
    const place = kind === 'event' ? { event: name, path: '' } : { ...(event !== undefined && { event }), path: name }
    return [{ ...place, mark: markOf(document) }]
  })
  const traits = entries.flatMap(({ kind, name, document }) => (kind === 'trait' ? [[name, markOf(document)] as const] : []))
  const marked = properties.filter(({ mark }) => mark.personal !== undefined || mark.sensitive !== undefined)
  return marksOf(marked, new Map(traits))
}

function markOf({ personal, sensitive }: EntryDocument) {
  return { ...(personal !== undefined && { personal }), ...(sensitive !== undefined && { sensitive }) }
}

async function withoutExamples(tx: Queryable, { kind, event, name }: EntrySubject): Promise<void> {
  if (kind === 'trait') await dropExamples(tx, { trait: name })
  if (kind === 'property') await dropExamples(tx, { event, path: name })
  if (kind === 'event') await dropExamples(tx, { event: name, path: '' })
}

function outdated(version: number): Refusal {
  return new Refusal(409, 'outdated', `the entry is at version ${version} by now; read it again and make the change on that`)
}

function entryOf({ kind, event, name, document, version, updated_at }: EntryRow): Entry {
  return { kind, ...(event !== '' && { event }), name, document, version, updatedAt: updated_at.toISOString() }
}
