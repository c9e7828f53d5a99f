import { createHash } from 'node:crypto'

/** Its defaults are those of clickhouse-local; these are for a server that keeps what it acknowledged and shares a small machine. */
export function serverXml(options: { users: string; password: string; memoryBytes: number }): string {
  const { users, password, memoryBytes } = options
  const share = (of: number) => Math.floor(memoryBytes / of)
  return `<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <timezone>UTC</timezone>
  <max_server_memory_usage>${memoryBytes}</max_server_memory_usage>
  <mark_cache_size>${share(8)}</mark_cache_size>
  <index_mark_cache_size>${share(32)}</index_mark_cache_size>
  <primary_index_cache_size>${share(16)}</primary_index_cache_size>
  <compiled_expression_cache_size>${Math.min(share(32), 2 ** 26)}</compiled_expression_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>4</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <asynchronous_metrics_update_period_s>30</asynchronous_metrics_update_period_s>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
    <min_compressed_bytes_to_fsync_after_merge>1</min_compressed_bytes_to_fsync_after_merge>
    <old_parts_lifetime>480</old_parts_lifetime>
  </merge_tree>
  <!-- For dictionaries over own tables, source(clickhouse(name zhike table …)): without it they read as the user default, who may not. -->
  <named_collections><zhike><user>zhike</user><password>${password}</password></zhike></named_collections>
  <users_config>${users}</users_config>
  <user_directories><users_xml><path>${users}</path></users_xml></user_directories>
</clickhouse>
`
}

/** What Zhike does with its server. Not in it: files, URLs, other servers and programs as tables, and users. */
const granted = [
  'SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE DICTIONARY, CREATE TEMPORARY TABLE, CREATE FUNCTION, DROP, TRUNCATE, OPTIMIZE, KILL QUERY, dictGet, SYSTEM, CHECK ON *.*',
  'TABLE ENGINE ON *',
  'NAMED COLLECTION ON *',
]

/**
 * The engine's own local session is the user `default` without a password, and an HTTP client on loopback could be it too: so it may come
 * from nowhere that the server listens on, and do nothing but listen.
 */
export function usersXml(password: string): string {
  const digest = createHash('sha256').update(password).digest('hex')
  return `<clickhouse>
  <users>
    <default>
      <no_password/><networks><ip>::1</ip></networks><profile>default</profile><quota>default</quota>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>
    <zhike>
      <password_sha256_hex>${digest}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
      <grants>${granted.map(what => `<query>GRANT ${what}</query>`).join('')}</grants>
    </zhike>
  </users>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
</clickhouse>
`
}
