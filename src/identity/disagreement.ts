import { type Graph, type Held, heldOf, identifierOf, links } from './graph.ts'
import type { NamespaceRule } from './namespace-rules.ts'

/** Why parts must not become one profile. `two-people`: weak identifiers of two people came without a strong one that would say whose it is. */
export type Disagreement = 'unique' | 'limit' | 'blocked-pair' | 'two-people'

/** Identifiers that are one person's already, or one that is nobody's yet. */
export type Part = readonly Held[]

export function partOfOne(graph: Graph, slot: number): Part {
  return [{ rule: identifierOf(graph, slot).rule, slots: [slot] }]
}

/**
 * Whether the strong identifiers of these sides can be in one profile. What one side violates by itself is no news: only what comes of
 * joining counts.
 * @param sides each a list of parts that count as one
 * @param ts the event's time, for windows
 */
export function strongDisagreement(graph: Graph, sides: readonly (readonly Part[])[], ts: number): 'unique' | 'limit' | undefined {
  let limit = false
  for (const rule of rulesInSeveral(sides, 'strong')) {
    const { total, largest } = meeting(graph, sides, rule, ts)
    if (rule.unique && total.all > Math.max(largest.all, 1)) return 'unique'
    if (total.inWindow > rule.limit && total.inWindow > largest.inWindow) limit = true
  }
  return limit ? 'limit' : undefined
}

/** Whether weak identifiers stay within their limits when the part joins those that are together. */
export function weakFits(graph: Graph, together: readonly Part[], joining: Part, ts: number): boolean {
  const sides = [together, [joining]]
  return rulesInSeveral(sides, 'weak').every(rule => {
    const { total, largest } = meeting(graph, sides, rule, ts)
    return total.inWindow <= rule.limit || total.inWindow === largest.inWindow
  })
}

/** Whether it matters how many values one person has. */
export function isCounted({ unique, limit }: NamespaceRule): boolean {
  return unique || limit < Number.POSITIVE_INFINITY
}

/** Of the namespaces whose number of values matters, those of which several sides have some. */
function rulesInSeveral(sides: readonly (readonly Part[])[], linkClass: 'strong' | 'weak'): NamespaceRule[] {
  const found: NamespaceRule[] = []
  for (let side = 0; side < sides.length - 1; side++) {
    for (const part of sides[side] ?? []) {
      for (const { rule } of part) {
        if (rule.linkClass !== linkClass || !isCounted(rule)) continue
        if (!isInLater(sides, side, rule.name) || found.some(({ name }) => name === rule.name)) continue
        found.push(rule)
      }
    }
  }
  return found
}

function isInLater(sides: readonly (readonly Part[])[], side: number, namespace: string): boolean {
  for (let later = side + 1; later < sides.length; later++) for (const part of sides[later] ?? []) if (heldOf(part, namespace)) return true
  return false
}

interface Count {
  all: number
  inWindow: number
}

/** How many values all sides have together, and the side that has most. */
function meeting(graph: Graph, sides: readonly (readonly Part[])[], rule: NamespaceRule, ts: number): { total: Count; largest: Count } {
  const total = { all: 0, inWindow: 0 }
  const largest = { all: 0, inWindow: 0 }
  for (const side of sides) {
    const { all, inWindow } = count(graph, side, rule, ts)
    total.all += all
    total.inWindow += inWindow
    largest.all = Math.max(largest.all, all)
    largest.inWindow = Math.max(largest.inWindow, inWindow)
  }
  return { total, largest }
}

function count(graph: Graph, side: readonly Part[], rule: NamespaceRule, ts: number): Count {
  const counted = { all: 0, inWindow: 0 }
  for (const part of side) {
    for (const slot of heldOf(part, rule.name)?.slots ?? []) {
      const identifier = identifierOf(graph, slot)
      if (!links(graph, identifier)) continue
      counted.all += 1
      if (identifier.leaf === 0 || identifier.ts > ts - rule.windowMs) counted.inWindow += 1
    }
  }
  return counted
}
