import type { ApiClient } from './api-client.ts'
import { table } from './output.ts'

type Language = 'zh' | 'en'
type Names = { zh?: string; en?: string }

interface Defined {
  key: string
  /** How many people have it. */
  count: number
  document: Names & { values?: (Names & { value: unknown })[] }
  /** The most frequent first. */
  values: { value: unknown; count: number }[]
}

/** Of tags whose values nobody lists beforehand there may be hundreds. */
const shown = 8

/** The tags of a workspace and its audiences, each with how many have it: what a demo tells in the end. */
export async function tellPortrait(api: ApiClient, language: Language): Promise<string> {
  const { tags } = await api.call<{ tags: Defined[] }>('GET', '/api/tags')
  const { audiences } = await api.call<{ audiences: Defined[] }>('GET', '/api/audiences')
  const [tag, audience] = language === 'zh' ? ['标签', '人群'] : ['tag', 'audience']
  const line = (what: string | undefined, one: Defined, ...more: string[]) => [
    `${what} ${one.document[language] ?? one.key}`,
    one.key,
    one.count.toLocaleString('en'),
    ...more,
  ]
  return [table(tags.map(one => line(tag, one, valuesIn(one, language)))), '', table(audiences.map(one => line(audience, one)))].join('\n')
}

function valuesIn({ document, values }: Defined, language: Language): string {
  if (values.every(({ value }) => value === true)) return ''
  const named = values.slice(0, shown).map(({ value, count }) => {
    const known = document.values?.find(one => one.value === value)?.[language] ?? String(value)
    return `${known} ${count.toLocaleString('en')}`
  })
  const more = language === 'zh' ? `… 共 ${values.length} 个值` : `… of ${values.length} values`
  return [...named, ...(values.length > shown ? [more] : [])].join(' · ')
}
