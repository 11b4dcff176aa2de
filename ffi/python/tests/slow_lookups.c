/* For LD_PRELOAD: each look-up of a name takes LOOKUP_MS milliseconds longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    look_up *system = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    poll(NULL, 0, atoi(getenv("LOOKUP_MS")));
    return system(name, service, hints, found);
}
