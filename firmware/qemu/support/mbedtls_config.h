// What of Mbed TLS is in the emulated boards: AES, for module cryptolib.

#define MBEDTLS_AES_C
#define MBEDTLS_CIPHER_MODE_CBC
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_PLATFORM_ZEROIZE_ALT
