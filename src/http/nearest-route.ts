/** The known path that comes nearest to one that does not exist, as described (`/api/profiles/{id}`): what was sent is not repeated. */
export function nearestRoute(path: string, known: readonly string[]): string | undefined {
  const sent = path.split('/').slice(0, 12)
  const ranked = [...new Set(known)].map(route => ({ route, cost: costOf(sent, route.split('/')) })).sort((a, b) => a.cost - b.cost)
  return ranked[0]?.route
}

/** Whether the path is one of this route's. */
export function fits(path: string, route: string): boolean {
  const sent = path.split('/')
  const steps = route.split('/')
  return sent.length === steps.length && steps.every((step, index) => isParameter(step) || step === sent[index])
}

function costOf(sent: readonly string[], route: readonly string[]): number {
  let cost = 2 * Math.abs(sent.length - route.length)
  for (let index = 0; index < Math.min(sent.length, route.length); index++) {
    const [from = '', to = ''] = [sent[index], route[index]]
    cost += isParameter(to) ? 0.5 : editsBetween(from.slice(0, 40), to) / Math.max(from.length, to.length, 1)
  }
  return cost
}

function isParameter(step: string): boolean {
  return step.startsWith('{')
}

/** Levenshtein distance. */
function editsBetween(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const swap = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1)
      current.push(Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, swap))
    }
    previous = current
  }
  return previous[to.length] ?? 0
}
