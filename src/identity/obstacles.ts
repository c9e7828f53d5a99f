import { type Graph, identifierOf, links } from './graph.ts'

/** What keeps two people apart, with the identifiers that say so, as slots. */
export type Obstacle =
  | { reason: 'unique'; namespace: string; slots: number[] }
  | { reason: 'limit'; namespace: string; slots: number[]; limit: number }
  | { reason: 'blocked-pair'; slots: [number, number] }

/** @param ts for windows: values linked before them do not count, as in a decision at that time */
export function obstaclesBetween(graph: Graph, one: readonly number[], other: readonly number[], ts: number): Obstacle[] {
  return [...strongObstacles(graph, one, other, ts), ...blockedPairs(graph, one, other)]
}

function strongObstacles(graph: Graph, one: readonly number[], other: readonly number[], ts: number): Obstacle[] {
  const strong = (slots: readonly number[]) =>
    Map.groupBy(
      slots.filter(slot => identifierOf(graph, slot).rule.linkClass === 'strong' && links(graph, identifierOf(graph, slot))),
      slot => identifierOf(graph, slot).rule.name,
    )
  const [mine, theirs] = [strong(one), strong(other)]
  return [...mine].flatMap(([namespace, own]): Obstacle[] => {
    const foreign = theirs.get(namespace)
    if (!foreign) return []
    const slots = [...own, ...foreign]
    const { unique, limit, windowMs } = identifierOf(graph, own[0] ?? -1).rule
    if (unique) return [{ reason: 'unique', namespace, slots }]
    const inWindow = slots.filter(slot => {
      const identifier = identifierOf(graph, slot)
      return identifier.leaf === 0 || identifier.ts > ts - windowMs
    })
    return inWindow.length > limit ? [{ reason: 'limit', namespace, slots: inWindow, limit }] : []
  })
}

function blockedPairs(graph: Graph, one: readonly number[], other: readonly number[]): Obstacle[] {
  return one.flatMap(slot =>
    (graph.blocks.get(slot) ?? [])
      .filter(apart => other.includes(apart))
      .map((apart): Obstacle => ({ reason: 'blocked-pair', slots: [slot, apart] })),
  )
}
