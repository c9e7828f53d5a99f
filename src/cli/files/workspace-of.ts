import type { ApiClient } from '../api-client.ts'
import type { EventEntry, WorkspaceFiles } from './workspace-files.ts'

interface DictionaryEntry extends Record<string, unknown> {
  version: number
}

interface Dictionary {
  events: (DictionaryEntry & { name: string; properties: (DictionaryEntry & { path: string })[] })[]
  properties: (DictionaryEntry & { path: string })[]
  traits: (DictionaryEntry & { path: string })[]
}

/** What of an entry is a person's word, in the order in which it is written. */
const said = ['zh', 'en', 'description', 'type', 'values', 'personal', 'sensitive', 'win', 'mirror']

/** The definitions of a running workspace, as they stand in files. */
export async function workspaceOf(api: ApiClient): Promise<WorkspaceFiles> {
  const dictionary = await api.call<Dictionary>('GET', '/api/dictionary')
  const { definitions } = await api.call<{ definitions: { kind: string; key: string; document: object }[] }>('GET', '/api/definitions')
  const { kinds } = await api.call<{ kinds: ({ kind: string; version: number } & Record<string, unknown>)[] }>('GET', '/api/entity-kinds')
  const entities = new Map<string, (object & { id: string })[]>()
  for (const { kind } of kinds) entities.set(kind, await entitiesOf(api, kind))
  return {
    events: dictionary.events.flatMap(eventEntry),
    properties: Object.fromEntries(dictionary.properties.filter(isSaid).map(one => [one.path, wordsOf(one)])),
    traits: dictionary.traits.filter(isSaid).map(one => ({ key: one.path, ...wordsOf(one) })),
    kinds: kinds.filter(({ version }) => version > 0).map(({ version: _, entities: __, ...kind }) => kind),
    entities,
    definitions: definitions.map(({ kind, key, document }) => ({ kind, key, document })),
  }
}

function eventEntry(event: Dictionary['events'][number]): EventEntry[] {
  const properties = Object.fromEntries(event.properties.filter(isSaid).map(one => [one.path, wordsOf(one)]))
  const has = Object.keys(properties).length > 0
  return isSaid(event) || has ? [{ event: event.name, ...wordsOf(event), ...(has && { properties }) }] : []
}

function isSaid({ version }: DictionaryEntry): boolean {
  return version > 0
}

/** Only what people said of it, without what was observed. */
export function wordsOf(entry: object): Record<string, unknown> {
  const words = { ...(entry as Record<string, unknown>) }
  // The short form is kept as the long one.
  if (typeof words.mirror === 'string') words.mirror = { consent: words.mirror.replace(/^consents\//, '') }
  return Object.fromEntries(said.flatMap(name => (words[name] === undefined ? [] : [[name, words[name]]])))
}

async function entitiesOf(api: ApiClient, kind: string): Promise<(object & { id: string })[]> {
  const found: (object & { id: string })[] = []
  let after: string | undefined
  do {
    const query = `limit=1000${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`
    const page = await api.call<{ entities: Record<string, unknown>[]; next?: string }>('GET', `/api/entities/${kind}?${query}`)
    for (const { kind: _, version: __, updatedAt: ___, ...entity } of page.entities) found.push(withoutEmpty(entity))
    after = page.next
  } while (after !== undefined)
  return found
}

function withoutEmpty(entity: Record<string, unknown>): object & { id: string } {
  const isEmpty = (value: unknown) =>
    value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)
  return Object.fromEntries(Object.entries(entity).filter(([, value]) => !isEmpty(value))) as { id: string }
}
