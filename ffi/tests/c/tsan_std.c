/* Tells ThreadSanitizer what is ordered by the locks of Rust's standard library.
 *
 * The standard library comes compiled, without instrumentation. Those parts of it that are inlined into Landline are
 * instrumented: taking a free lock, and releasing it. The slow paths are not, so ThreadSanitizer would not see that locks
 * are taken there. The linker redirects calls of these to this file (--wrap; the runner finds the mangled names, which
 * contain the compiler's version, and passes them as macros). This adds no order that the locks do not establish.
 */
#include <stddef.h>
#include <stdint.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define REAL(name) JOIN(__real_, name)
#define WRAP(name) JOIN(__wrap_, name)

/* fn lock_contended(&self): the lock is held when it returns. */
void REAL(LOCK_CONTENDED)(void *lock);
void WRAP(LOCK_CONTENDED)(void *lock);
void WRAP(LOCK_CONTENDED)(void *lock) {
    REAL(LOCK_CONTENDED)(lock);
    __tsan_acquire(lock);
}

/* fn wait(&self, mutex: &Mutex): releases the lock, and takes it again. */
void REAL(WAIT)(void *condition, void *lock);
void WRAP(WAIT)(void *condition, void *lock);
void WRAP(WAIT)(void *condition, void *lock) {
    __tsan_release(lock);
    REAL(WAIT)(condition, lock);
    __tsan_acquire(lock);
}

/* fn wait_timeout(&self, mutex: &Mutex, timeout: Duration) -> bool */
uint8_t REAL(WAIT_TIMEOUT)(void *condition, void *lock, uint64_t seconds, uint32_t nanoseconds);
uint8_t WRAP(WAIT_TIMEOUT)(void *condition, void *lock, uint64_t seconds, uint32_t nanoseconds);
uint8_t WRAP(WAIT_TIMEOUT)(void *condition, void *lock, uint64_t seconds, uint32_t nanoseconds) {
    uint8_t in_time;
    __tsan_release(lock);
    in_time = REAL(WAIT_TIMEOUT)(condition, lock, seconds, nanoseconds);
    __tsan_acquire(lock);
    return in_time;
}

/* fn call(&self, ignore_poisoning: bool, f: &mut dyn FnMut(&OnceState), location: &Location): done when it returns, for
 * those who then see so by themselves too. */
void REAL(ONCE)(void *once, uint8_t ignore_poisoning, void *f, const void *table, const void *location);
void WRAP(ONCE)(void *once, uint8_t ignore_poisoning, void *f, const void *table, const void *location);
void WRAP(ONCE)(void *once, uint8_t ignore_poisoning, void *f, const void *table, const void *location) {
    REAL(ONCE)(once, ignore_poisoning, f, table, location);
    __tsan_acquire(once);
    __tsan_release(once);
}
