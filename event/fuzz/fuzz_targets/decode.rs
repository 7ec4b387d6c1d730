//! `cargo fuzz run decode`: every byte sequence decodes to a value or an error, and what decodes
//! comes back the same after encoding.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = soc_event::wire::decode_batch(bytes);
    if let Ok(event) = soc_event::wire::decode_event(bytes, 1) {
        let line = soc_event::wire::encode_event(&event);
        if let Ok(again) = soc_event::wire::decode_event(line.as_bytes(), 1) {
            assert_eq!(again, event);
        }
    }
});
