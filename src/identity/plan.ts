import { type Disagreement, isCounted, type Part, partOfOne, strongDisagreement, weakFits } from './disagreement.ts'
import { type Graph, holdsStrong, identifierOf, isStrong, profileOf, rootOf } from './graph.ts'

/** What should become of identifiers that came together. */
export interface Plan {
  /** Profiles that become one. */
  roots: number[]
  /** Identifiers without a leaf that join them. */
  fresh: number[]
  /** Identifiers that are from now on known to be several people's. */
  shared: number[]
  /** Set where nothing links: only the strongest identifier gets the event. */
  conflict?: Disagreement
}

/** @param active the event's identifiers that link, strongest first; at least one */
export function planFor(graph: Graph, active: readonly number[], ts: number): Plan {
  const strong = active.filter(slot => isStrong(graph, slot))
  const start = agreeing(graph, strong, ts)
  if (start.conflict) return conflictPlan(graph, active, start.conflict)
  const plan = strong.length === active.length ? start : joinWeak(graph, start, active.slice(strong.length), strong.length > 0, ts)
  if (plan.conflict) return conflictPlan(graph, active, plan.conflict)
  return graph.blocks.size > 0 && meetsBlock(graph, plan) ? conflictPlan(graph, active, 'blocked-pair') : plan
}

/** The strong identifiers without those that have become several people's: member numbers that come with people who must stay apart. */
function agreeing(graph: Graph, strong: readonly number[], ts: number): Plan {
  const start = startOf(graph, strong)
  const conflict = disagreementOf(graph, start, ts)
  if (conflict !== 'unique') return conflict ? { ...start, conflict } : start
  let rest = strong
  const shared: number[] = []
  for (const slot of strong.filter(slot => identifierOf(graph, slot).rule.shareable).reverse()) {
    const others = rest.filter(other => other !== slot)
    if (!comesBetween(graph, slot, others, ts)) continue
    shared.push(slot)
    rest = others
  }
  const left = startOf(graph, rest)
  const remaining = disagreementOf(graph, left, ts)
  return remaining ? { ...left, conflict: remaining } : { ...left, shared }
}

function disagreementOf(graph: Graph, plan: Plan, ts: number): Disagreement | undefined {
  if (plan.roots.length + plan.fresh.length < 2 || !mayDisagree(graph, plan)) return undefined
  const sides = partsOf(graph, plan).map(part => [part])
  return strongDisagreement(graph, sides, ts)
}

/** Whether at least two of those that come together have values of which there may not be too many. */
function mayDisagree(graph: Graph, { roots, fresh }: Plan): boolean {
  let sides = 0
  for (const root of roots) if (profileOf(graph, root).held.some(({ rule }) => isCounted(rule))) sides += 1
  for (const slot of fresh) if (isCounted(identifierOf(graph, slot).rule)) sides += 1
  return sides > 1
}

/** The holder of the identifier and the other identifiers of the event are people whose unique identifiers disagree. */
function comesBetween(graph: Graph, slot: number, rest: readonly number[], ts: number): boolean {
  const { leaf } = identifierOf(graph, slot)
  if (leaf === 0) return false
  const holder = rootOf(graph, leaf)
  const others = startOf(graph, rest)
  if (others.roots.includes(holder)) return false
  return strongDisagreement(graph, [[profileOf(graph, holder).held], partsOf(graph, others)], ts) === 'unique'
}

function startOf(graph: Graph, slots: readonly number[]): Plan {
  const roots: number[] = []
  const fresh: number[] = []
  for (const slot of slots) {
    const { leaf } = identifierOf(graph, slot)
    const root = leaf === 0 ? 0 : rootOf(graph, leaf)
    if (leaf === 0) fresh.push(slot)
    else if (!roots.includes(root)) roots.push(root)
  }
  return { roots, fresh, shared: [] }
}

function partsOf(graph: Graph, { roots, fresh }: Plan): Part[] {
  return [...roots.map(root => profileOf(graph, root).held), ...fresh.map(slot => partOfOne(graph, slot))]
}

/** Whether a person has said that two of those that would be one profile are not one person. */
function meetsBlock(graph: Graph, { roots, fresh }: Plan): boolean {
  const partOf = (slot: number) => {
    const { leaf } = identifierOf(graph, slot)
    if (leaf === 0) return fresh.includes(slot) ? -1 - slot : undefined
    const root = rootOf(graph, leaf)
    return roots.includes(root) ? root : undefined
  }
  for (const [slot, apart] of graph.blocks) {
    const part = partOf(slot)
    if (part !== undefined && apart.some(other => (partOf(other) ?? part) !== part)) return true
  }
  return false
}

/** Weak identifiers link each other and join the person; one that is already somebody else's is shared from now on. */
function joinWeak(graph: Graph, start: Plan, weak: readonly number[], withStrong: boolean, ts: number): Plan {
  const plan = start
  const people = withStrong ? [] : peopleOf(graph, weak)
  if (people.length > 1) return { ...plan, conflict: 'two-people' }
  plan.roots.push(...people)
  for (const slot of weak) {
    const { leaf } = identifierOf(graph, slot)
    const root = rootOf(graph, leaf)
    if (leaf > 0 && plan.roots.includes(root)) continue
    if (isSomebodys(graph, slot)) {
      if (withStrong) plan.shared.push(slot)
      continue
    }
    if (!weakFits(graph, partsOf(graph, plan), leaf === 0 ? partOfOne(graph, slot) : profileOf(graph, root).held, ts)) continue
    if (leaf === 0) plan.fresh.push(slot)
    else plan.roots.push(root)
  }
  return plan
}

/** Profiles with a strong identifier that hold one of these. */
function peopleOf(graph: Graph, slots: readonly number[]): number[] {
  return startOf(
    graph,
    slots.filter(slot => isSomebodys(graph, slot)),
  ).roots
}

function isSomebodys(graph: Graph, slot: number): boolean {
  const { leaf } = identifierOf(graph, slot)
  return leaf > 0 && holdsStrong(graph, profileOf(graph, rootOf(graph, leaf)))
}

/** Only the strongest identifier's profile takes part; weak identifiers of uninvolved people are still several people's from now on. */
export function conflictPlan(graph: Graph, active: readonly number[], conflict: Disagreement): Plan {
  const strong = active.filter(slot => isStrong(graph, slot))
  const involved = startOf(graph, strong).roots
  const shared = active.filter(
    slot =>
      strong.length > 0 &&
      !isStrong(graph, slot) &&
      isSomebodys(graph, slot) &&
      !involved.includes(rootOf(graph, identifierOf(graph, slot).leaf)),
  )
  return { ...startOf(graph, active.slice(0, 1)), shared, conflict }
}
