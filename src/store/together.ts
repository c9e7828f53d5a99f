/**
 * Answers single questions with few statements: those that come while others are being answered are asked together, as soon as there is room.
 * A question that comes alone does not wait.
 * @param ask answers in the order of the keys
 */
export function together<K, V>(
  ask: (keys: readonly K[]) => Promise<readonly V[]>,
  { atOnce = 2, most = 200 } = {},
): (key: K) => Promise<V> {
  const waiting: { key: K; resolve: (value: V) => void; reject: (error: unknown) => void }[] = []
  let running = 0
  const next = (): void => {
    if (running >= atOnce || waiting.length === 0) return
    const asked = waiting.splice(0, most)
    running += 1
    ask(asked.map(({ key }) => key))
      .then(
        answers => asked.forEach(({ resolve }, index) => void resolve(answers[index] as V)),
        error => asked.forEach(({ reject }) => void reject(error)),
      )
      .finally(() => {
        running -= 1
        next()
      })
  }
  return key => {
    const { promise, resolve, reject } = Promise.withResolvers<V>()
    waiting.push({ key, resolve, reject })
    next()
    return promise
  }
}
