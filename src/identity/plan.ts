import { type Disagreement, meetsBlock, strongDisagreement, weakFits } from './disagreement.ts'
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
  const { strong, shared, disagreement } = agreeingStrong(graph, active, ts)
  const weak = active.filter(slot => !isStrong(graph, slot))
  const plan = joinWeak(graph, startOf(graph, strong), weak, strong.length > 0, ts)
  if (disagreement) return conflictPlan(graph, active, disagreement)
  if (strong.length === 0 && peopleOf(graph, weak).size > 1) return conflictPlan(graph, active, 'two-people')
  if (meetsBlock(graph, partsOf(graph, plan))) return conflictPlan(graph, active, 'blocked-pair')
  return { ...plan, shared: [...shared, ...plan.shared] }
}

/** The strong identifiers without those that have become several people's: member numbers that come with people who must stay apart. */
function agreeingStrong(graph: Graph, active: readonly number[], ts: number) {
  let strong = active.filter(slot => isStrong(graph, slot))
  const shared: number[] = []
  let disagreement = strongDisagreement(graph, partsOf(graph, startOf(graph, strong)), ts)
  if (disagreement !== 'unique') return { strong, shared, disagreement }
  for (const slot of strong.filter(slot => identifierOf(graph, slot).rule.shareable).reverse()) {
    const rest = strong.filter(other => other !== slot)
    if (!comesBetween(graph, slot, rest, ts)) continue
    shared.push(slot)
    strong = rest
  }
  disagreement = strongDisagreement(graph, partsOf(graph, startOf(graph, strong)), ts)
  return { strong, shared, disagreement }
}

/** The holder of the identifier and the other identifiers of the event are people whose unique identifiers disagree. */
function comesBetween(graph: Graph, slot: number, rest: readonly number[], ts: number): boolean {
  const { leaf } = identifierOf(graph, slot)
  if (leaf === 0) return false
  const holder = rootOf(graph, leaf)
  const others = startOf(graph, rest)
  if (others.roots.includes(holder)) return false
  return strongDisagreement(graph, [profileOf(graph, holder).members, partsOf(graph, others).flat()], ts) === 'unique'
}

function startOf(graph: Graph, slots: readonly number[]): Plan {
  const roots = new Set<number>()
  const fresh: number[] = []
  for (const slot of slots) {
    const { leaf } = identifierOf(graph, slot)
    if (leaf === 0) fresh.push(slot)
    else roots.add(rootOf(graph, leaf))
  }
  return { roots: [...roots], fresh, shared: [] }
}

function partsOf(graph: Graph, { roots, fresh }: Plan): (readonly number[])[] {
  return [...roots.map(root => profileOf(graph, root).members), ...fresh.map(slot => [slot])]
}

/** Weak identifiers link each other and join the person; one that is already somebody else's is shared from now on. */
function joinWeak(graph: Graph, start: Plan, weak: readonly number[], withStrong: boolean, ts: number): Plan {
  const plan = start
  if (!withStrong) plan.roots.push(...peopleOf(graph, weak))
  for (const slot of weak) {
    const { leaf } = identifierOf(graph, slot)
    const root = rootOf(graph, leaf)
    if (leaf > 0 && plan.roots.includes(root)) continue
    if (isSomebodys(graph, slot)) {
      if (withStrong) plan.shared.push(slot)
      continue
    }
    if (!weakFits(graph, partsOf(graph, plan), leaf === 0 ? [slot] : profileOf(graph, root).members, ts)) continue
    if (leaf === 0) plan.fresh.push(slot)
    else plan.roots.push(root)
  }
  return plan
}

/** Profiles with a strong identifier that hold one of these. */
function peopleOf(graph: Graph, slots: readonly number[]): Set<number> {
  return new Set(slots.filter(slot => isSomebodys(graph, slot)).map(slot => rootOf(graph, identifierOf(graph, slot).leaf)))
}

function isSomebodys(graph: Graph, slot: number): boolean {
  const { leaf } = identifierOf(graph, slot)
  return leaf > 0 && holdsStrong(graph, profileOf(graph, rootOf(graph, leaf)).members)
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
