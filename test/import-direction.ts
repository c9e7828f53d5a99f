import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/**
 * The folders of `src/` in layers: a folder imports from its own layer and from those above it in this list, never from below.
 * Inside one layer any direction will do as long as no circle comes of it. Files directly in `src/` are for everybody, but for those
 * that put the parts together.
 */
export const layers = [
  ['store', 'log', 'privacy', 'access'],
  ['collect', 'identity', 'dictionary', 'catalogue', 'profiles', 'import'],
  ['rules'],
  ['definitions'],
  ['tags', 'audiences', 'graph', 'models', 'feed'],
  ['messages', 'journeys', 'feedback', 'content', 'advisor', 'experiments'],
  ['pipeline'],
  ['core.ts'],
  ['http'],
  ['cli'],
] as const

/** Files directly in `src/` that belong to a layer: what is started, and the edge that starts it. */
const assembling: Record<string, string> = { 'core.ts': 'core.ts', 'serve.ts': 'cli' }

/** Drawers that collect what belongs to nobody: each idea has a file of its own name instead. */
const drawers = /^(utils?|helpers?|common|shared|misc|types|constants)(\.ts)?$/

/** Tests, and what only they use. */
const forTests = /\.(test|fixture)\.ts$/

/** A source file, its path from `src/` with forward slashes, and its text. */
export interface Source {
  path: string
  text: string
}

interface Import {
  from: string
  to: string
}

/** What breaks the house's rule, each as a sentence that says what to do. Tests may import what they like. */
export function directionFaults(sources: Source[]): string[] {
  const imports = sources.filter(({ path }) => !forTests.test(path)).flatMap(importsOf)
  const crossing = imports.filter(({ from, to }) => folderOf(from) !== folderOf(to))
  return [
    ...unknownFolders(sources),
    ...drawerFaults(sources),
    ...leavingSrc(imports),
    ...testOnly(imports),
    ...rootFaults(crossing),
    ...upward(crossing),
    ...circles(crossing),
  ]
}

/** Files of a folder, without what is below `node_modules`. */
export function sourcesIn(folder: string): Source[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  return files.map(entry => {
    const file = join(entry.parentPath, entry.name)
    return { path: relative(folder, file).replaceAll('\\', '/'), text: readFileSync(file, 'utf8') }
  })
}

function importsOf({ path, text }: Source): Import[] {
  const specifiers = /(?:\bfrom|\bimport|\bimport\s*\(|\bnew URL\s*\()\s*['"](\.[^'"]+)['"]/g
  return [...text.matchAll(specifiers)].map(([, specifier = '']) => ({ from: path, to: resolved(path, specifier) }))
}

/** From `src/` on; what lies outside begins with `../`. */
function resolved(path: string, specifier: string): string {
  const root = resolve('/src')
  return relative(root, resolve(root, dirname(path), specifier)).replaceAll('\\', '/')
}

/** The folder, or what a file directly in `src/` counts as; empty for one that is for everybody. */
function folderOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : (assembling[path] ?? '')
}

function layerOf(folder: string): number {
  return layers.findIndex(layer => (layer as readonly string[]).includes(folder))
}

function unknownFolders(sources: Source[]): string[] {
  const folders = new Set(sources.map(({ path }) => folderOf(path)).filter(folder => folder !== '' && layerOf(folder) < 0))
  return [...folders].map(folder => `src/${folder} has no place in the order of imports: add it to a layer in test/import-direction.ts`)
}

function drawerFaults(sources: Source[]): string[] {
  const named = sources.filter(({ path }) => path.split('/').some(part => drawers.test(part)))
  return named.map(
    ({ path }) => `src/${path} is a drawer for anything: name the file after the one idea in it, in the folder it belongs to`,
  )
}

function leavingSrc(imports: Import[]): string[] {
  const leaving = imports.filter(({ to }) => to.startsWith('../') && /\.[cm]?[jt]s$/.test(to))
  return leaving.map(({ from, to }) => `src/${from} imports ${to.slice(3)}: the program may not need what is outside of src/; move it in`)
}

function testOnly(imports: Import[]): string[] {
  return imports
    .filter(({ to }) => forTests.test(to))
    .map(({ from, to }) => `src/${from} imports src/${to}, which is there for tests alone; move what it needs out of it`)
}

function rootFaults(crossing: Import[]): string[] {
  const fromRoot = crossing.filter(({ from, to }) => folderOf(from) === '' && !to.startsWith('../'))
  return fromRoot.map(
    ({ from, to }) => `src/${from} imports src/${to}: files directly in src/ are for everybody and import no folder; move it into one`,
  )
}

function upward(crossing: Import[]): string[] {
  return crossing.flatMap(({ from, to }) => {
    const [importing, imported] = [folderOf(from), folderOf(to)]
    if (layerOf(importing) < 0 || layerOf(imported) < 0 || layerOf(imported) <= layerOf(importing)) return []
    return [
      `src/${from} imports src/${to}, but ${importing} comes before ${imported}: pass in what it needs as an argument, or move the idea down into ${importing}`,
    ]
  })
}

/** One sentence per circle between folders of a layer (between layers, `upward` has said it already). */
function circles(crossing: Import[]): string[] {
  const level = crossing.filter(({ from, to }) => layerOf(folderOf(from)) >= 0 && layerOf(folderOf(from)) === layerOf(folderOf(to)))
  const folders = [...new Set(level.map(({ from }) => folderOf(from)))].sort()
  const found = new Map<string, string>()
  for (const folder of folders) {
    const path = wayBack(folder, level)
    if (path.length > 0) found.set([...new Set(path.map(step => folderOf(step.from)))].sort().join(), circleFault(path))
  }
  return [...found.values()]
}

function circleFault(path: Import[]): string {
  const steps = path.map(({ from, to }) => `src/${from} → src/${to}`).join(', ')
  return `folders import each other in a circle: ${steps}; take one of these imports out, by an argument or by moving what both need`
}

/** The shortest chain of imports that leaves the folder and comes back to it; empty if there is none. */
function wayBack(folder: string, imports: Import[]): Import[] {
  const reached = new Map<string, Import[]>([[folder, []]])
  const queue = [folder]
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    const path = reached.get(at) ?? []
    for (const step of imports.filter(({ from }) => folderOf(from) === at)) {
      const next = folderOf(step.to)
      if (next === folder) return [...path, step]
      if (reached.has(next)) continue
      reached.set(next, [...path, step])
      queue.push(next)
    }
  }
  return []
}

if (import.meta.main) {
  const faults = directionFaults(sourcesIn(join(import.meta.dirname, '..', 'src')))
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length > 0 ? 1 : 0
}
