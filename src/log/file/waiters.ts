/** Those who wait for a partition to grow beyond an offset. */
export interface Waiters {
  /** True once the end passes `from`, false after the time or when all are let go. */
  wait(from: number, timeoutMs: number): Promise<boolean>
  grown(end: number): void
  letGo(): void
}

export function waiters(): Waiters {
  const waiting = new Set<{ from: number; answer: (grown: boolean) => void }>()
  return {
    wait(from, timeoutMs) {
      return new Promise(resolve => {
        const waiter = {
          from,
          answer(grown: boolean) {
            clearTimeout(timer)
            waiting.delete(waiter)
            resolve(grown)
          },
        }
        const timer = setTimeout(() => waiter.answer(false), timeoutMs)
        waiting.add(waiter)
      })
    },
    grown(end) {
      for (const waiter of waiting) if (waiter.from < end) waiter.answer(true)
    },
    letGo() {
      for (const waiter of waiting) waiter.answer(false)
    },
  }
}
