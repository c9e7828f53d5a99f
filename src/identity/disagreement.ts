import { type Graph, identifierOf, links } from './graph.ts'

/** Why parts must not become one profile. `two-people`: weak identifiers of two people came without a strong one that would say whose it is. */
export type Disagreement = 'unique' | 'limit' | 'blocked-pair' | 'two-people'

/**
 * Whether the strong identifiers of these parts can be in one profile. What one part violates by itself is no news: only what comes of joining counts.
 * @param parts slots of each part
 * @param ts the event's time, for windows
 */
export function strongDisagreement(graph: Graph, parts: readonly (readonly number[])[], ts: number): 'unique' | 'limit' | undefined {
  let limit = false
  for (const { rule, total, largest } of talliesOf(graph, parts, ts, 'strong').values()) {
    if (rule.unique && total.all > Math.max(largest.all, 1)) return 'unique'
    if (total.inWindow > rule.limit && total.inWindow > largest.inWindow) limit = true
  }
  return limit ? 'limit' : undefined
}

/** Whether weak identifiers stay within their limits when the part joins. */
export function weakFits(graph: Graph, present: readonly (readonly number[])[], joining: readonly number[], ts: number): boolean {
  for (const { rule, total, largest } of talliesOf(graph, [present.flat(), joining], ts, 'weak').values()) {
    if (total.inWindow > rule.limit && total.inWindow > largest.inWindow) return false
  }
  return true
}

/** Whether a person has said that two identifiers of different parts are not one person. */
export function meetsBlock(graph: Graph, parts: readonly (readonly number[])[]): boolean {
  if (graph.blocks.size === 0) return false
  return parts.some((part, index) =>
    part.some(slot => graph.blocks.get(slot)?.some(apart => parts.some((other, at) => at !== index && other.includes(apart)))),
  )
}

interface Tally {
  rule: { unique: boolean; limit: number }
  total: Count
  largest: Count
}
interface Count {
  all: number
  inWindow: number
}

/** Per namespace: the values of all parts together, and of the part that has most. */
function talliesOf(graph: Graph, parts: readonly (readonly number[])[], ts: number, linkClass: 'strong' | 'weak'): Map<string, Tally> {
  const tallies = new Map<string, Tally>()
  for (const part of parts) {
    const own = new Map<string, Count>()
    for (const slot of part) {
      const identifier = identifierOf(graph, slot)
      const { rule } = identifier
      if (rule.linkClass !== linkClass || !links(graph, identifier)) continue
      const tally = tallies.get(rule.name) ?? { rule, total: { all: 0, inWindow: 0 }, largest: { all: 0, inWindow: 0 } }
      tallies.set(rule.name, tally)
      const count = own.get(rule.name) ?? { all: 0, inWindow: 0 }
      own.set(rule.name, count)
      const inWindow = identifier.leaf === 0 || identifier.ts > ts - rule.windowMs ? 1 : 0
      count.all += 1
      count.inWindow += inWindow
      tally.total.all += 1
      tally.total.inWindow += inWindow
      tally.largest.all = Math.max(tally.largest.all, count.all)
      tally.largest.inWindow = Math.max(tally.largest.inWindow, count.inWindow)
    }
  }
  return tallies
}
