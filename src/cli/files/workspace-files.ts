import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Refusal } from '../../refusal.ts'

/** What a workspace is defined by, as it stands in a folder of JSON files. */
export interface WorkspaceFiles {
  /** `dictionary/events.json`: names and marks of events, and of their properties by path. */
  events: EventEntry[]
  /** `dictionary/properties.json`: of properties in every event, by path. */
  properties: Record<string, object>
  /** `dictionary/traits.json` */
  traits: (object & { key: string })[]
  /** `catalogue/kinds.json` */
  kinds: (object & { kind: string })[]
  /** `catalogue/<kind>.json`: its entities. */
  entities: Map<string, (object & { id: string })[]>
  /** `tags/<key>.json`, `audiences/<key>.json` … */
  definitions: { kind: string; key: string; document: object }[]
}

export interface EventEntry {
  event: string
  properties?: Record<string, object>
}

/** The folders of definitions and the kind that is in each. */
const folders = { dimensions: 'dimension', relations: 'relation', tags: 'tag', audiences: 'audience' } as const

/** @throws Refusal that names the file */
export function readWorkspaceFiles(directory: string): WorkspaceFiles {
  if (!existsSync(directory)) throw new Refusal(422, 'usage', `There is no folder ${directory}.`)
  const list = <T extends object>(path: string, key: string) => listIn<T>(directory, path, key)
  const catalogue = namesIn(directory, 'catalogue').filter(name => name !== 'kinds')
  return {
    events: list<EventEntry>('dictionary/events.json', 'event'),
    properties: (jsonIn(directory, 'dictionary/properties.json') ?? {}) as Record<string, object>,
    traits: list('dictionary/traits.json', 'key'),
    kinds: list('catalogue/kinds.json', 'kind'),
    entities: new Map(catalogue.map(kind => [kind, list(`catalogue/${kind}.json`, 'id')])),
    definitions: Object.entries(folders).flatMap(([folder, kind]) =>
      namesIn(directory, folder).map(key => ({ kind, key, document: objectIn(directory, `${folder}/${key}.json`) })),
    ),
  }
}

export function writeWorkspaceFiles(directory: string, files: WorkspaceFiles): string[] {
  const written: string[] = []
  const write = (path: string, json: unknown) => {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), `${JSON.stringify(json, null, 2)}\n`)
    written.push(path)
  }
  if (files.events.length > 0) write('dictionary/events.json', files.events)
  if (Object.keys(files.properties).length > 0) write('dictionary/properties.json', files.properties)
  if (files.traits.length > 0) write('dictionary/traits.json', files.traits)
  if (files.kinds.length > 0) write('catalogue/kinds.json', files.kinds)
  for (const [kind, entities] of files.entities) if (entities.length > 0) write(`catalogue/${kind}.json`, entities)
  for (const [folder, kind] of Object.entries(folders))
    for (const one of files.definitions) if (one.kind === kind) write(`${folder}/${one.key}.json`, one.document)
  return written
}

function namesIn(directory: string, folder: string): string[] {
  const path = join(directory, folder)
  if (!existsSync(path)) return []
  const files = readdirSync(path).filter(name => name.endsWith('.json'))
  return files.map(name => basename(name, '.json')).sort()
}

function jsonIn(directory: string, path: string): unknown {
  if (!existsSync(join(directory, path))) return undefined
  try {
    return JSON.parse(readFileSync(join(directory, path), 'utf8')) as unknown
  } catch (error) {
    throw new Refusal(422, 'not-json', `${path} is no JSON: ${error instanceof Error ? error.message : 'it cannot be read'}`)
  }
}

function objectIn(directory: string, path: string): object {
  const json = jsonIn(directory, path)
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Refusal(422, 'not-a-document', `${path} must hold one JSON object`)
  return json
}

function listIn<T extends object>(directory: string, path: string, key: string): T[] {
  const json = jsonIn(directory, path) ?? []
  if (!Array.isArray(json)) throw new Refusal(422, 'not-a-list', `${path} must hold a list`)
  for (const [index, one] of json.entries())
    if (typeof one !== 'object' || one === null || typeof (one as Record<string, unknown>)[key] !== 'string')
      throw new Refusal(422, 'no-key', `${path}: entry ${index + 1} must be an object with the text ${JSON.stringify(key)}`)
  return json as T[]
}
