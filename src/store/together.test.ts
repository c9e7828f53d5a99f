import { expect, it } from 'vitest'
import { together } from './together.ts'

it('what comes while others are asked is asked together, and each gets its own answer', async () => {
  const asked: number[][] = []
  const double = together<number, number>(
    async keys => {
      asked.push([...keys])
      await new Promise(setImmediate)
      return keys.map(key => key * 2)
    },
    { atOnce: 1, most: 3 },
  )
  expect(await Promise.all([1, 2, 3, 4, 5].map(double))).toEqual([2, 4, 6, 8, 10])
  expect(asked).toEqual([[1], [2, 3, 4], [5]])
})

it('a failure is that of those who were asked together, not of the next', async () => {
  let fails = true
  const ask = together<number, number>(
    async keys => {
      if (fails) throw new Error('gone')
      return keys
    },
    { atOnce: 1 },
  )
  await expect(ask(1)).rejects.toThrow('gone')
  fails = false
  expect(await ask(2)).toBe(2)
})
