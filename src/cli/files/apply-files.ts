import { isDeepStrictEqual } from 'node:util'
import { Refusal } from '../../refusal.ts'
import type { ApiClient } from '../api-client.ts'
import type { WorkspaceFiles } from './workspace-files.ts'
import { wordsOf, workspaceOf } from './workspace-of.ts'

/** One thing that is another in the files than in the workspace. */
export interface FileChange {
  /** `tag lifecycle`, `event Product Viewed`, `product P104` */
  what: string
  change: 'create' | 'change'
  fields: readonly string[]
}

export interface Difference {
  changes: FileChange[]
  warnings: { kind: string; key: string; path: string; message: string }[]
}

/** What bringing the workspace to the files would change. What is in the workspace only stays as it is. */
export async function differenceOf(api: ApiClient, files: WorkspaceFiles): Promise<Difference> {
  const steps = await stepsTo(api, files)
  const { changes, warnings } = await definitionsTo(api, files, true)
  return { changes: [...steps.map(({ told }) => told), ...changes], warnings }
}

/** Brings the workspace to the files: names and marks first, then the catalogue, then what rules are made of, at once. */
export async function applyFiles(api: ApiClient, files: WorkspaceFiles): Promise<Difference> {
  const steps = await stepsTo(api, files)
  for (const { take } of steps) await take()
  const { changes, warnings } = await definitionsTo(api, files, false)
  return { changes: [...steps.map(({ told }) => told), ...changes], warnings }
}

interface Step {
  told: FileChange
  take: () => Promise<void>
}

async function stepsTo(api: ApiClient, files: WorkspaceFiles): Promise<Step[]> {
  const now = await workspaceOf(api)
  const put = (path: string, body: object) => async () => void (await api.call('PUT', path, body))
  const step = (what: string, before: object | undefined, after: object, take: Step['take']): Step[] => {
    const fields = changedFields(before, after)
    return before && fields.length === 0 ? [] : [{ told: { what, change: before ? 'change' : 'create', fields }, take }]
  }
  const at = encodeURIComponent
  return [
    ...files.events.flatMap(({ event, properties = {}, ...words }) => {
      const before = now.events.find(one => one.event === event)
      const own = step(
        `event ${event}`,
        before && wordsOf(before),
        wordsOf(words),
        put(`/api/dictionary/events/${at(event)}`, wordsOf(words)),
      )
      const inner = Object.entries(properties).flatMap(([path, said]) =>
        step(
          `property ${event} ${path}`,
          before?.properties?.[path],
          said,
          put(`/api/dictionary/events/${at(event)}/properties/${at(path)}`, said),
        ),
      )
      return [...(Object.keys(wordsOf(words)).length > 0 ? own : []), ...inner]
    }),
    ...Object.entries(files.properties).flatMap(([path, said]) =>
      step(`property ${path}`, now.properties[path], said, put(`/api/dictionary/properties/${at(path)}`, said)),
    ),
    ...files.traits.flatMap(({ key, ...said }) => {
      const before = now.traits.find(one => one.key === key)
      return step(`trait ${key}`, before && wordsOf(before), wordsOf(said), put(`/api/dictionary/traits/${at(key)}`, said))
    }),
    ...files.kinds.flatMap(({ kind, ...document }) => {
      const before = now.kinds.find(one => one.kind === kind)
      const { kind: _, ...known } = before ?? { kind: '' }
      return step(`kind ${kind}`, before && known, document, put(`/api/entity-kinds/${at(kind)}`, document))
    }),
    ...[...files.entities].flatMap(([kind, entities]) => {
      const known = new Map((now.entities.get(kind) ?? []).map(one => [one.id, flat(one)]))
      const changed = entities.filter(one => !isDeepStrictEqual(known.get(one.id), flat(one)))
      const [first] = changed
      if (!first) return []
      const told: FileChange = { what: `${changed.length} of ${kind}`, change: known.size === 0 ? 'create' : 'change', fields: [] }
      return [{ told, take: () => bring(api, kind, changed) }]
    }),
  ]
}

/** Attributes stand beside the other fields or inside of `attributes`: the same. */
function flat(entity: object): Record<string, unknown> {
  const { attributes, ...rest } = entity as { attributes?: object }
  return { ...rest, ...attributes }
}

async function bring(api: ApiClient, kind: string, entities: readonly object[]): Promise<void> {
  const answer = await api.call<{ faults: { row: number; path: string; message: string }[] }>('POST', `/api/entities/${kind}`, entities)
  const [fault] = answer.faults
  if (fault)
    throw new Refusal(
      422,
      'entities-refused',
      `catalogue/${kind}.json: some entities were refused, see details; the others went in`,
      answer.faults.map(({ row, path, message }) => ({ path: `entry ${row}${path && `: ${path}`}`, message })),
    )
}

async function definitionsTo(api: ApiClient, { definitions }: WorkspaceFiles, dryRun: boolean): Promise<Difference> {
  const answer = await api.call<{
    changes: { kind: string; key: string; change: 'create' | 'change' | 'same'; fields: string[] }[]
    warnings: Difference['warnings']
  }>('POST', '/api/definitions/apply', { definitions, dryRun })
  const changes = answer.changes.flatMap(({ kind, key, change, fields }) =>
    change === 'same' ? [] : [{ what: `${kind} ${key}`, change, fields }],
  )
  return { changes, warnings: answer.warnings }
}

function changedFields(before: object | undefined, after: object): string[] {
  const [a, b] = [(before ?? {}) as Record<string, unknown>, after as Record<string, unknown>]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(name => !isDeepStrictEqual(a[name], b[name])).sort()
}
