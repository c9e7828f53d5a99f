/** What the workspace says about a property or a trait, beyond what its key and values show. */
export interface Mark {
  /** True: keep only a keyed hash of it. False: it is no personal data, whatever it looks like. */
  personal?: boolean
  /** The consent purpose that reading it needs. */
  sensitive?: string
}

/** The marks below one property: the mark of the path itself and those of the paths inside it. */
export interface MarkedPath {
  mark?: Mark
  inside: Map<string, MarkedPath>
}

export interface Marks {
  /** Marked properties of an event, with those marked for every event; undefined when there are none. */
  ofEvent(event: string): MarkedPath | undefined
  ofTrait(key: string): Mark | undefined
}

export interface MarkedProperty {
  /** Undefined: in every event. */
  event?: string
  /** Dotted, `[]` for the items of a list: `products[].note`. Empty: the whole event. */
  path: string
  mark: Mark
}

export const noMarks: Marks = { ofEvent: () => undefined, ofTrait: () => undefined }

export function marksOf(properties: readonly MarkedProperty[], traits: ReadonlyMap<string, Mark>): Marks {
  const everywhere = properties.filter(({ event }) => event === undefined)
  const events = new Set(properties.flatMap(({ event }) => event ?? []))
  const treeFor = (own: readonly MarkedProperty[]) => (own.length === 0 ? undefined : treeOf(own))
  const common = treeFor(everywhere)
  const trees = new Map([...events].map(event => [event, treeFor([...everywhere, ...properties.filter(one => one.event === event)])]))
  return { ofEvent: event => (trees.has(event) ? trees.get(event) : common), ofTrait: key => traits.get(key) }
}

/** `products[].sku` → `products`, `[]`, `sku`. */
export function stepsOf(path: string): string[] {
  if (path === '') return []
  return path.split('.').flatMap(step => {
    const name = step.replace(/(\[\])+$/, '')
    return [name, ...Array.from({ length: (step.length - name.length) / 2 }, () => '[]')]
  })
}

/** The mark that hides the path: its own, or that of what it is inside of. */
export function markAt(marks: Marks, event: string, path: string): Mark | undefined {
  let at = marks.ofEvent(event)
  for (const step of stepsOf(path)) {
    if (hides(at?.mark)) return at?.mark
    at = at?.inside.get(step)
  }
  return at?.mark
}

/** What is marked so shows no values. */
export function hides(mark: Mark | undefined): boolean {
  return mark?.personal === true || mark?.sensitive !== undefined
}

function treeOf(properties: readonly MarkedProperty[]): MarkedPath {
  const root: MarkedPath = { inside: new Map() }
  for (const { path, mark } of properties) {
    let at = root
    for (const step of stepsOf(path)) {
      const next = at.inside.get(step) ?? { inside: new Map() }
      at.inside.set(step, next)
      at = next
    }
    at.mark = { ...at.mark, ...mark }
  }
  return root
}
