import type { Standing } from './explain.ts'
import type { Fault } from './normalise.ts'

/** Every answer to "are these one person?". */
export const verdicts = [
  'linked',
  'one-profile',
  'same-identifier',
  'unusable',
  'unknown',
  'unlinked',
  'blocked',
  'shared',
  'nobody',
  'blocked-pair',
  'conflict',
  'would-conflict',
  'never-together',
] as const
export type Verdict = (typeof verdicts)[number]

interface Wording {
  zh: string
  en: string
}

/** The answer as sentences; identifiers stand in them masked. */
export function wordingOf(code: Verdict, a: Standing, b: Standing, steps: number): Wording {
  const about = [a, b].find(({ state }) => state === code) ?? a
  const [one, other, its] = [nameOf(a), nameOf(b), nameOf(about)]
  const words: Record<Verdict, () => Wording> = {
    linked: () => ({
      zh: `${one} 与 ${other} 是同一个人：经 ${steps} 条关联相连。`,
      en: `${one} and ${other} are one person: ${steps === 1 ? 'one link joins' : `${steps} links join`} them.`,
    }),
    'one-profile': () => ({
      zh: `${one} 与 ${other} 属于同一个档案，但没有留存能将它们直接相连的关联。`,
      en: `${one} and ${other} are in one profile, though no kept links connect them.`,
    }),
    'same-identifier': () => ({
      zh: `${one} 与 ${other} 是同一个标识（规范化后的值相同）。`,
      en: `${one} and ${other} are the same identifier: their normalised values are equal.`,
    }),
    unusable: () => ({
      zh: `${its} 不能作为标识：${faults[about.fault ?? 'invalid'].zh}。`,
      en: `${its} is no identifier: ${faults[about.fault ?? 'invalid'].en}.`,
    }),
    unknown: () => ({ zh: `从未见过 ${its}。`, en: `${its} was never seen.` }),
    unlinked: () => ({
      zh: `${its} 的类型不用于识别：它会被保留，但不关联任何人。`,
      en: `${its} is of a kind that links nobody: it is kept, and identifies no one.`,
    }),
    blocked: () => ({
      zh: `${its} 已被屏蔽：它出现在许多互不相关的人身上，或由人工屏蔽，不再关联任何人。`,
      en: `${its} is blocked: many unrelated people had it, or somebody blocked it, so it links nobody.`,
    }),
    shared: () => ({
      zh: `${its} 为多人共用，因此不再关联任何人。`,
      en: `${its} is shared by several people, so it links nobody.`,
    }),
    nobody: () => ({
      zh: `${its} 目前不属于任何人：它已被解绑，或只出现在有冲突的事件中。`,
      en: `${its} is nobody’s now: it was taken off, or came only in events that contradict others.`,
    }),
    'blocked-pair': () => ({
      zh: `${one} 与 ${other} 不是同一个人：有人已将他们分开，解除之前不会再合并。`,
      en: `${one} and ${other} are two people: somebody separated them, and they stay apart until that is lifted.`,
    }),
    conflict: () => ({
      zh: `${one} 与 ${other} 不是同一个人：曾有事件同时带有双方的标识，但与已知信息矛盾，因此没有合并。`,
      en: `${one} and ${other} are two people: events carried identifiers of both, but contradicted what is known, so nothing was merged.`,
    }),
    'would-conflict': () => ({
      zh: `${one} 与 ${other} 不是同一个人：从未一起出现，且双方的标识互相矛盾。`,
      en: `${one} and ${other} are two people: they never came together, and their identifiers contradict each other.`,
    }),
    'never-together': () => ({
      zh: `${one} 与 ${other} 目前是两个人：没有事件把他们联系起来。`,
      en: `${one} and ${other} are two people so far: no event brought them together.`,
    }),
  }
  return words[code]()
}

function nameOf({ namespace, value }: Standing): string {
  return `${namespace} ${value}`
}

const faults: Record<Fault, Wording> = {
  namespace: { zh: '类型名称无效', en: 'the name of its type is not valid' },
  'too-long': { zh: '超过 512 字节', en: 'it is longer than 512 bytes' },
  empty: { zh: '值为空', en: 'it is empty' },
  invalid: { zh: '格式不符合该类型', en: 'it does not have the form of its type' },
  blocked: { zh: '这是占位值，不代表任何人', en: 'it is a placeholder that is nobody’s' },
}
