;; hello-wat: a complete Navidrome plugin in one file of WebAssembly text.
;;
;; No compiler and no library: every byte that crosses the border between Navidrome and a plugin is
;; handled below, in plain sight. Edit it, save it, and the workbench builds and reloads it.
;;
;; A good first change is the sentence under "What the plugin says". Then send
;; MetadataAgent.GetArtistBiography with any name and read your own words in the answer.
;;
;; How a call works:
;;   1. The host encodes the request (Protocol Buffers), asks `malloc` for room and writes it there.
;;   2. It calls the export of the method with (pointer, length) of the request.
;;   3. The export returns one 64-bit word: the answer's pointer in the upper half, its length in the
;;      lower. Bit 31 set says "this is an error text, not an answer". 0 is an answer with no field set.

(module
  ;; ---------------------------------------------------------------- what the host gives us

  ;; ConfigService.GetPluginConfig: the settings under [PluginConfig.hello-wat]. Imports of "env" are
  ;; host services; they have the same shape as our own methods: (pointer, length) -> word.
  ;; The manifest must ask for it (permissions.config), or the plugin is refused when it starts.
  (import "env" "get_plugin_config" (func $get_plugin_config (param i32 i32) (result i64)))

  ;; WASI, the "system calls" of WebAssembly. We only write to stderr, which is the plugin's log.
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $parts i32) (param $count i32) (param $written i32) (result i32)))

  ;; ---------------------------------------------------------------- memory

  ;; One page of 64 KiB to begin with; `malloc` asks for more when needed. The layout:
  ;;      0 ..   63  scratch space of $log
  ;;     64 .. 2047  short texts, 64 bytes for each
  ;;   2048 .. 4095  the sentence of the biography
  ;;   4096 ..       heap: requests, answers, replies of host services
  (memory (export "memory") 1)

  ;; ---------------------------------------------------------------- what the plugin says

  ;; Each text ends with a zero byte (\00), so that its length need not be counted by hand.
  (data (i32.const 2048) "! This biography was written by plugin.wat: change this sentence, save, and ask again.\00")
  (global $sentence i32 (i32.const 2048))

  (data (i32.const 64) "Hello\00") ;; the word used unless the settings have a `greeting`
  (global $default_greeting i32 (i32.const 64))

  (data (i32.const 128) ", \00")
  (global $comma i32 (i32.const 128))

  (data (i32.const 192) "greeting\00") ;; the name of the setting
  (global $greeting_key i32 (i32.const 192))

  (data (i32.const 256) "hello-wat: ready\00")
  (global $log_ready i32 (i32.const 256))

  (data (i32.const 320) "hello-wat: asked for the biography of \00")
  (global $log_asked i32 (i32.const 320))

  (data (i32.const 384) "\n\00")
  (global $line_end i32 (i32.const 384))

  ;; Navidrome knows these two texts: "no data for this one", and "ask another plugin".
  (data (i32.const 448) "plugin:not_found\00")
  (global $not_found_text i32 (i32.const 448))

  (data (i32.const 512) "plugin:not_implemented\00")
  (global $not_implemented_text i32 (i32.const 512))

  ;; All other error texts are shown as they are.
  (data (i32.const 576) "hello-wat: the request is not a valid message\00")
  (global $malformed_text i32 (i32.const 576))

  (data (i32.const 640) "hello-wat: out of memory\00")
  (global $no_memory_text i32 (i32.const 640))

  ;; ---------------------------------------------------------------- the two capabilities

  ;; Each capability tells the version of the calling convention, which is 1. Both share one function.
  (func
    (export "metadata_agent_api_version")
    (export "lifecycle_management_api_version")
    (result i64)
    (i64.const 1))

  ;; LifecycleManagement.OnInit: called once, after loading. It could refuse bad settings by
  ;; answering an error; an empty answer (the word 0) says that all is well.
  (func (export "lifecycle_management_on_init") (param $request i32) (param $length i32) (result i64)
    (call $log (global.get $log_ready) (i32.const 0) (i32.const 0))
    (i64.const 0))

  ;; MetadataAgent.GetArtistBiography: request  { 1: id, 2: name, 3: mbid }, all texts
  ;;                                   response { 1: biography }, a text
  (func (export "metadata_agent_get_artist_biography") (param $request i32) (param $length i32) (result i64)
    (local $is_valid i32)
    (local $name i32) (local $name_length i32)
    (local $greeting i32) (local $greeting_length i32)
    (local $text_length i64)
    (local $answer i32) (local $end i32)

    ;; The name of the artist. A function may return several values; they come off the stack last first.
    (call $text_field (local.get $request) (local.get $length) (i32.const 2))
    (local.set $is_valid) (local.set $name_length) (local.set $name)
    (if (i32.eqz (local.get $is_valid))
      (then (return (call $error (global.get $malformed_text)))))
    (if (i32.eqz (local.get $name_length))
      (then (return (call $error (global.get $not_found_text)))))

    (call $log (global.get $log_asked) (local.get $name) (local.get $name_length))

    ;; The greeting: from the settings, or our own.
    (call $setting (global.get $greeting_key))
    (local.set $greeting_length) (local.set $greeting)
    (if (i32.eqz (local.get $greeting_length))
      (then
        (local.set $greeting (global.get $default_greeting))
        (local.set $greeting_length (call $count (global.get $default_greeting)))))

    ;; Room for "<greeting>, <name><sentence>" and, before it, one byte of tag and at most five of
    ;; length. The sum is made in 64 bits, where it cannot overflow.
    (local.set $text_length
      (i64.add
        (i64.add
          (i64.extend_i32_u (local.get $greeting_length))
          (i64.extend_i32_u (local.get $name_length)))
        (i64.add
          (i64.extend_i32_u (call $count (global.get $comma)))
          (i64.extend_i32_u (call $count (global.get $sentence))))))
    (local.set $answer (call $allocate (i64.add (local.get $text_length) (i64.const 6))))
    (if (i32.eqz (local.get $answer))
      (then (return (call $error (global.get $no_memory_text)))))

    ;; The response message: tag 0x0a (field 1, bytes), the length, the text.
    (i32.store8 (local.get $answer) (i32.const 0x0a))
    (local.set $end (call $append_varint (i32.add (local.get $answer) (i32.const 1)) (local.get $text_length)))
    (local.set $end (call $append (local.get $end) (local.get $greeting) (local.get $greeting_length)))
    (local.set $end (call $append_text (local.get $end) (global.get $comma)))
    (local.set $end (call $append (local.get $end) (local.get $name) (local.get $name_length)))
    (local.set $end (call $append_text (local.get $end) (global.get $sentence)))

    (call $pack (local.get $answer) (i32.sub (local.get $end) (local.get $answer))))

  ;; A plugin exports every method of a capability, also those that it leaves to other plugins.
  ;; To implement one, take its export line away here and write a function like the one above.
  (func
    (export "metadata_agent_get_artist_mbid")
    (export "metadata_agent_get_artist_url")
    (export "metadata_agent_get_similar_artists")
    (export "metadata_agent_get_artist_images")
    (export "metadata_agent_get_artist_top_songs")
    (export "metadata_agent_get_album_info")
    (export "metadata_agent_get_album_images")
    (param $request i32) (param $length i32) (result i64)
    (call $error (global.get $not_implemented_text)))

  ;; ---------------------------------------------------------------- answers

  ;; The result word: pointer in the upper 32 bits, length in the lower.
  (func $pack (param $pointer i32) (param $length i32) (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $pointer)) (i64.const 32))
      (i64.extend_i32_u (local.get $length))))

  ;; The result word of an error: the same with bit 31 set. The host will `free` the text, although it
  ;; was never allocated; our `free` does nothing, so a fixed text may be handed out.
  (func $error (param $text i32) (result i64)
    (i64.or
      (call $pack (local.get $text) (call $count (local.get $text)))
      (i64.const 0x80000000)))

  ;; ---------------------------------------------------------------- settings

  ;; The value of one setting as (pointer, length); length 0 when it is missing or empty.
  ;; The reply of GetPluginConfig is { 1: entry, 1: entry, ... }, each entry { 1: key, 2: value }.
  (func $setting (param $key i32) (result i32 i32)
    (local $word i64)
    (local $at i32) (local $end i32)
    (local $number i32) (local $entry i32) (local $entry_length i32)
    (local $text i32) (local $length i32) (local $is_valid i32)
    (local $found i32) (local $found_length i32)

    ;; The request has no fields, so it is zero bytes long and needs no room.
    (local.set $word (call $get_plugin_config (i32.const 0) (i32.const 0)))
    (local.set $at (i32.wrap_i64 (i64.shr_u (local.get $word) (i64.const 32))))
    (local.set $end (i32.add (local.get $at) (i32.wrap_i64 (local.get $word))))

    (block $done
      (loop $entries
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (call $next_field (local.get $at) (local.get $end))
        (local.set $at) (local.set $entry_length) (local.set $entry) (local.set $number)
        (br_if $done (i32.eqz (local.get $number)))
        (br_if $entries (i32.ne (local.get $number) (i32.const 1)))

        (call $text_field (local.get $entry) (local.get $entry_length) (i32.const 1))
        (local.set $is_valid) (local.set $length) (local.set $text)
        (br_if $entries
          (i32.eqz (call $is_text (local.get $key) (local.get $text) (local.get $length))))

        (call $text_field (local.get $entry) (local.get $entry_length) (i32.const 2))
        (local.set $is_valid) (local.set $found_length) (local.set $found)
        (br $entries)))
    (local.get $found)
    (local.get $found_length))

  ;; ---------------------------------------------------------------- reading Protocol Buffers

  ;; The text in field $number of a message, as (pointer, length, is_valid). A missing field is an
  ;; empty text; of a field given twice the last counts; fields that we do not know are skipped.
  ;; is_valid is 0 when the bytes are no message at all.
  (func $text_field (param $message i32) (param $length i32) (param $wanted i32) (result i32 i32 i32)
    (local $at i32) (local $end i32)
    (local $number i32) (local $value i32) (local $value_length i32)
    (local $text i32) (local $text_length i32)
    (local.set $at (local.get $message))
    (local.set $end (i32.add (local.get $message) (local.get $length)))
    (block $done
      (loop $fields
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (call $next_field (local.get $at) (local.get $end))
        (local.set $at) (local.set $value_length) (local.set $value) (local.set $number)
        (if (i32.eqz (local.get $number))
          (then (return (i32.const 0) (i32.const 0) (i32.const 0))))
        (br_if $fields (i32.ne (local.get $number) (local.get $wanted)))
        (br_if $fields (i32.eqz (local.get $value))) ;; a number where a text should be
        (local.set $text (local.get $value))
        (local.set $text_length (local.get $value_length))
        (br $fields)))
    (local.get $text)
    (local.get $text_length)
    (i32.const 1))

  ;; Reads the field at $at: (number, pointer, length, where the next field starts).
  ;;
  ;; A field is a tag and a value. The tag is a varint: number * 8 + kind. The kind says how long the
  ;; value is: 0 a varint, 1 eight bytes, 2 a varint n and then n bytes (texts, embedded messages),
  ;; 5 four bytes. Only kind 2 gives a pointer; the others are stepped over and give pointer 0.
  ;; Field numbers start at 1, so number 0 in the result says that the bytes are malformed.
  (func $next_field (param $at i32) (param $end i32) (result i32 i32 i32 i32)
    (local $tag i64) (local $kind i32) (local $value i64) (local $pointer i32)
    (call $read_varint (local.get $at) (local.get $end))
    (local.set $at) (local.set $tag)
    (local.set $kind (i32.and (i32.wrap_i64 (local.get $tag)) (i32.const 7)))

    (block $malformed
      (br_if $malformed (i32.eqz (local.get $at)))
      (br_if $malformed (i64.gt_u (local.get $tag) (i64.const 0xffffffff)))

      ;; $value becomes the number of bytes to step over.
      (block $sized
        (if (i32.eq (local.get $kind) (i32.const 0))
          (then
            (call $read_varint (local.get $at) (local.get $end))
            (local.set $at) (local.set $value)
            (br_if $malformed (i32.eqz (local.get $at)))
            (local.set $value (i64.const 0)) ;; already behind us
            (br $sized)))
        (if (i32.eq (local.get $kind) (i32.const 1))
          (then
            (local.set $value (i64.const 8))
            (br $sized)))
        (if (i32.eq (local.get $kind) (i32.const 2))
          (then
            (call $read_varint (local.get $at) (local.get $end))
            (local.set $at) (local.set $value)
            (br_if $malformed (i32.eqz (local.get $at)))
            (local.set $pointer (local.get $at))
            (br $sized)))
        (if (i32.eq (local.get $kind) (i32.const 5))
          (then
            (local.set $value (i64.const 4))
            (br $sized)))
        (br $malformed)) ;; kinds 3 and 4 are groups, which this protocol does not have

      (br_if $malformed
        (i64.gt_u (local.get $value) (i64.extend_i32_u (i32.sub (local.get $end) (local.get $at)))))
      (return
        (i32.wrap_i64 (i64.shr_u (local.get $tag) (i64.const 3)))
        (local.get $pointer)
        (i32.wrap_i64 (local.get $value))
        (i32.add (local.get $at) (i32.wrap_i64 (local.get $value)))))
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))

  ;; Reads a varint, a number in pieces of seven bits, lowest first, where bit 7 says "more follows":
  ;; (number, position after it). Position 0 says that it is cut off or longer than ten bytes.
  (func $read_varint (param $at i32) (param $end i32) (result i64 i32)
    (local $byte i64) (local $number i64) (local $shift i64)
    (loop $bytes
      (if (i32.or
            (i32.ge_u (local.get $at) (local.get $end))
            (i64.ge_u (local.get $shift) (i64.const 70)))
        (then (return (i64.const 0) (i32.const 0))))
      (local.set $byte (i64.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $number
        (i64.or
          (local.get $number)
          (i64.shl (i64.and (local.get $byte) (i64.const 0x7f)) (local.get $shift))))
      (local.set $shift (i64.add (local.get $shift) (i64.const 7)))
      (br_if $bytes (i64.ge_u (local.get $byte) (i64.const 0x80))))
    (local.get $number)
    (local.get $at))

  ;; ---------------------------------------------------------------- writing

  ;; Each of these writes at $to and returns the position after what it wrote.

  (func $append (param $to i32) (param $from i32) (param $length i32) (result i32)
    (memory.copy (local.get $to) (local.get $from) (local.get $length))
    (i32.add (local.get $to) (local.get $length)))

  (func $append_text (param $to i32) (param $text i32) (result i32)
    (call $append (local.get $to) (local.get $text) (call $count (local.get $text))))

  (func $append_varint (param $to i32) (param $number i64) (result i32)
    (loop $bytes
      (if (i64.ge_u (local.get $number) (i64.const 0x80))
        (then
          (i64.store8 (local.get $to) (i64.or (local.get $number) (i64.const 0x80)))
          (local.set $number (i64.shr_u (local.get $number) (i64.const 7)))
          (local.set $to (i32.add (local.get $to) (i32.const 1)))
          (br $bytes))))
    (i64.store8 (local.get $to) (local.get $number))
    (i32.add (local.get $to) (i32.const 1)))

  ;; ---------------------------------------------------------------- texts and the log

  ;; The length of a text that ends with a zero byte.
  (func $count (param $text i32) (result i32)
    (local $at i32)
    (local.set $at (local.get $text))
    (block $done
      (loop $bytes
        (br_if $done (i32.eqz (i32.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes)))
    (i32.sub (local.get $at) (local.get $text)))

  ;; 1 when the bytes [pointer, length) are this text, else 0.
  (func $is_text (param $text i32) (param $pointer i32) (param $length i32) (result i32)
    (local $index i32)
    (if (i32.ne (call $count (local.get $text)) (local.get $length))
      (then (return (i32.const 0))))
    (block $done
      (loop $bytes
        (br_if $done (i32.eq (local.get $index) (local.get $length)))
        (if (i32.ne
              (i32.load8_u (i32.add (local.get $text) (local.get $index)))
              (i32.load8_u (i32.add (local.get $pointer) (local.get $index))))
          (then (return (i32.const 0))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $bytes)))
    (i32.const 1))

  ;; Writes "<text><bytes>\n" to stderr (2) as one record. fd_write takes a table of parts, each a
  ;; pointer and a length, and stores how much it wrote; a log line that gets lost is no reason to fail.
  (func $log (param $text i32) (param $bytes i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (call $count (local.get $text)))
    (i32.store (i32.const 8) (local.get $bytes))
    (i32.store (i32.const 12) (local.get $length))
    (i32.store (i32.const 16) (global.get $line_end))
    (i32.store (i32.const 20) (i32.const 1))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 3) (i32.const 24))))

  ;; ---------------------------------------------------------------- the allocator

  ;; Every call gets a fresh instance that is thrown away afterwards, so nothing ever has to be given
  ;; back: the heap just grows ("bump allocator"), and `free` does nothing.

  (global $heap_end (mut i64) (i64.const 4096)) ;; in 64 bits, so that no sum overflows

  ;; Room for $size bytes at a multiple of 8, or 0 when there is none.
  (func $allocate (param $size i64) (result i32)
    (local $start i64) (local $end i64) (local $have i64)
    (local.set $start (i64.and (i64.add (global.get $heap_end) (i64.const 7)) (i64.const -8)))
    (local.set $end (i64.add (local.get $start) (local.get $size)))
    (local.set $have (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))
    (if (i64.gt_u (local.get $end) (local.get $have))
      (then
        ;; Ask for as many pages as are missing; -1 says that the host refused.
        (if (i32.eq
              (memory.grow
                (i32.wrap_i64
                  (i64.shr_u
                    (i64.add (i64.sub (local.get $end) (local.get $have)) (i64.const 0xffff))
                    (i64.const 16))))
              (i32.const -1))
          (then (return (i32.const 0))))))
    (global.set $heap_end (local.get $end))
    (i32.wrap_i64 (local.get $start)))

  ;; The host calls these two: `malloc` for the room of requests and host replies, `free` afterwards.
  (func $malloc (export "malloc") (param $size i32) (result i32)
    (call $allocate (i64.extend_i32_u (local.get $size))))

  (func $free (export "free") (param $pointer i32)))
