/** An identifier as it may be shown to somebody without permission to see it: enough to recognise, too little to use. */
export function maskOf(namespace: string, value: string): string {
  if (namespace === 'phone') return maskPhone(value)
  if (namespace === 'email') return maskEmail(value)
  const characters = [...value]
  if (characters.length <= 4) return '*'.repeat(characters.length)
  const shown = Math.min(4, Math.floor(characters.length / 4))
  return `${characters.slice(0, shown).join('')}****${characters.slice(-shown).join('')}`
}

/** +86199****0001 */
function maskPhone(value: string): string {
  return value.length < 9 ? '****' : `${value.slice(0, value.length - 8)}****${value.slice(-4)}`
}

/** a****@example.com */
function maskEmail(value: string): string {
  const at = value.lastIndexOf('@')
  return `${value.slice(0, 1)}****${value.slice(at)}`
}
