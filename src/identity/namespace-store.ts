import { isDeepStrictEqual } from 'node:util'
import { audit } from '../access/audit.ts'
import { Refusal, type RefusalDetail } from '../refusal.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import type { Hand } from './apply.ts'
import { lockHead } from './load.ts'
import { documentsOf } from './namespace-cache.ts'
import { defaultNamespaces, type NamespaceDocument } from './namespaces.ts'

/** A namespace and where it comes from. */
export interface NamespaceEntry {
  document: NamespaceDocument
  /** `default`: as shipped; `changed`: a default that the workspace changed; `own`: the workspace's. */
  origin: 'default' | 'changed' | 'own'
  /** How many identifiers of it are stored. */
  identifiers: number
}

/** Every namespace, strongest first. */
export async function namespaceEntries(db: Queryable): Promise<NamespaceEntry[]> {
  const stored = new Set((await db.query<{ key: string }>('select key from identity_namespaces')).map(({ key }) => key))
  const counts = await db.query<{ key: string; count: number }>(
    `select split_part(namespace, ':', 1) as key, count(*) as count from identifiers group by 1`,
  )
  const countOf = new Map(counts.map(({ key, count }) => [key, count]))
  const rank = { strong: 0, weak: 1, none: 2 }
  return (await documentsOf(db))
    .toSorted((a, b) => rank[a.class] - rank[b.class] || a.priority - b.priority)
    .map(document => ({ document, origin: originOf(document.key, stored), identifiers: countOf.get(document.key) ?? 0 }))
}

function originOf(key: string, stored: ReadonlySet<string>): NamespaceEntry['origin'] {
  if (!stored.has(key)) return 'default'
  return defaultOf(key) ? 'changed' : 'own'
}

function defaultOf(key: string): NamespaceDocument | undefined {
  return defaultNamespaces.find(document => document.key === key)
}

/** Adds or replaces a namespace. What it decides from now on follows it; what was decided stays until identity is derived anew. */
export function putNamespace(postgres: Postgres, document: NamespaceDocument, { by, at }: Hand): Promise<void> {
  refuseFaults(document)
  return postgres.transaction(async tx => {
    await lockHead(tx)
    const before = (await documentsOf(tx)).find(({ key }) => key === document.key)
    const reading = before ?? unconfigured(document)
    await refuseBreaking(tx, reading, document)
    await tx.query(
      `insert into identity_namespaces (key, document, updated_at, updated_by) values ($1, $2, to_timestamp($3::float8 / 1000), $4)
       on conflict (key) do update set document = excluded.document, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
      [document.key, JSON.stringify(document), at, by],
    )
    await changed(tx)
    await audit(tx, at, { who: by, did: 'namespace.change', what: document.key, details: { changed: changedFields(before, document) } })
  })
}

/** Back to the default, or gone where it is the workspace's own. */
export function removeNamespace(postgres: Postgres, key: string, { by, at }: Hand): Promise<void> {
  return postgres.transaction(async tx => {
    await lockHead(tx)
    const [stored] = await tx.query<{ document: NamespaceDocument }>('select document from identity_namespaces where key = $1', [key])
    const fallback = defaultOf(key)
    if (!stored) {
      if (fallback) throw new Refusal(409, 'default-namespace', 'This namespace is a default: it can be changed, but not removed.')
      throw new Refusal(404, 'no-such-namespace', 'There is no namespace with this key.')
    }
    if (fallback) await refuseBreaking(tx, stored.document, fallback)
    else if ((await storedNames(tx, key)).length > 0)
      throw new Refusal(
        409,
        'namespace-in-use',
        'Identifiers of this namespace are stored; set its class to "none" instead, so that they are kept and link nobody.',
      )
    await tx.query('delete from identity_namespaces where key = $1', [key])
    await changed(tx)
    await audit(tx, at, { who: by, did: 'namespace.remove', what: key, details: { backTo: fallback ? 'default' : 'nothing' } })
  })
}

/** How an unknown type was read until now: as text, under whatever scope it came. */
function unconfigured(document: NamespaceDocument): NamespaceDocument {
  return { ...document, format: 'text', scope: document.scope === 'none' ? 'optional' : document.scope }
}

async function changed(tx: Queryable): Promise<void> {
  await tx.query('update identity_head set namespaces_version = namespaces_version + 1')
}

/** What a document says that has no effect or contradicts itself. */
function refuseFaults({ class: linkClass, unique, limit, window, learn, blocked }: NamespaceDocument): void {
  const faults: RefusalDetail[] = []
  if (unique && linkClass !== 'strong')
    faults.push({ path: 'unique', message: 'only a strong identifier can be unique; set class to "strong" or unique to false' })
  if (unique && limit !== undefined && limit > 1)
    faults.push({ path: 'limit', message: 'a unique identifier has one value per person; set it to 1 or leave it out' })
  if (window !== undefined && limit === undefined)
    faults.push({ path: 'window', message: 'a window counts towards a limit; give a limit or leave the window out' })
  if (learn.propose !== undefined && learn.block !== undefined && learn.propose >= learn.block)
    faults.push({ path: 'learn.propose', message: 'a value is proposed before it is blocked; make it smaller than learn.block' })
  blocked.forEach((pattern, index) => {
    if (/^\**$/.test(pattern)) faults.push({ path: `blocked[${index}]`, message: 'this would block every value; say what is blocked' })
  })
  if (faults.length > 0) throw new Refusal(400, 'invalid-namespace', 'This namespace contradicts itself; see details.', faults)
}

/** Stored identifiers are found by their normalised value under their full name: neither may change under them. */
async function refuseBreaking(tx: Queryable, before: NamespaceDocument, after: NamespaceDocument): Promise<void> {
  const scopeChanges = before.scope !== after.scope && after.scope !== 'optional'
  if (before.format === after.format && !scopeChanges) return
  const names = await storedNames(tx, after.key)
  if (names.length === 0) return
  if (before.format !== after.format)
    throw new Refusal(
      409,
      'namespace-in-use',
      'Identifiers of this namespace are stored, and another format would not find them again; make a namespace with another key and send new values under it.',
      [{ path: 'format', message: `must stay "${before.format}"` }],
    )
  const unfit = names.filter(name => name.includes(':') !== (after.scope === 'required'))
  if (unfit.length === 0) return
  throw new Refusal(
    409,
    'namespace-in-use',
    'Identifiers of this namespace are stored under names that this scope does not allow, and they would stop linking; set scope to "optional" instead.',
    [{ path: 'scope', message: `${unfit.length} stored names do not fit` }],
  )
}

async function storedNames(tx: Queryable, key: string): Promise<string[]> {
  const rows = await tx.query<{ namespace: string }>(
    `select distinct namespace from identifiers where namespace = $1 or starts_with(namespace, $1 || ':')`,
    [key],
  )
  return rows.map(({ namespace }) => namespace)
}

function changedFields(before: NamespaceDocument | undefined, after: NamespaceDocument): string[] {
  const fields = Object.keys(after) as (keyof NamespaceDocument)[]
  return fields.filter(field => !isDeepStrictEqual(before?.[field], after[field]))
}
