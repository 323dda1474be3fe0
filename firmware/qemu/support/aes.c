// AES for the module cryptolib, which every real board has: Mbed TLS's, as there.

#include "library/aes.c"

void mbedtls_platform_zeroize(void *bytes, size_t size) {
    for (volatile unsigned char *p = bytes; size; size--) {
        *p++ = 0;
    }
}
