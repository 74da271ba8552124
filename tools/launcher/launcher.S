/*
 * The launcher: a static program of about 1.4 KB that starts one command, in a session of its own if wanted.
 *
 * jobrunner appends to these bytes what is to be run (src/supervisor/launcher.ts) and starts the result for each job. What
 * starts it chooses neither program nor arguments, of the environment only the variables that are named under "prefixes",
 * and the standard input only of a command that is meant to get its caller's. In C it would be:
 *
 *     if (ownSession) setsid();
 *     if (mask >= 0) umask(mask);
 *     if (niceness is given && setpriority(PRIO_PROCESS, 0, niceness) != 0) fail(400 + errno);
 *     id = getenv("JOBRUNNER_WORKER_ID");
 *     path = workingDirectory with id for each "\x01";     // EINVAL unless id is 1 to 5 digits
 *     if (chdir(path) != 0 && required) fail(200 + errno);
 *     if (ownStdin) { null = open("/dev/null", O_RDONLY);  if (null > 0) { dup3(null, 0, 0); close(null); } }
 *     for (each limit) { hard = min(hard, old hard);  setrlimit(resource, { min(soft, hard), hard }); }
 *     environment = variables in the file, then those of our own that begin with a prefix;
 *     execve(arguments[0], arguments, environment);
 *     if (errno == ENOEXEC) execve("/bin/sh", { "/bin/sh", arguments... }, environment);
 *     fail(errno);     // fail(number): dprintf(2, "%s %03d\n", word, number);  _exit(number == ENOENT ? 127 : 126);
 *
 * The limits come after everything that they could make fail or end too early: the opening of /dev/null, without which a
 * command with ownStdin would read its caller's standard input, and the room on the stack.
 *
 * It is assembly, with an ELF header written out here, so that every toolchain makes the same bytes: `make launcher` puts
 * them into src/supervisor/launcher_code.ts, `make launcher-check` makes them again and compares.
 *
 * What is appended, at the label "blob", little endian:
 *
 *     i32  number of arguments, the program's name included; at least 1
 *     i32  number of variables
 *     i32  number of limits
 *     i32  0 to stay in the caller's session
 *     i32  0 to go on if the working directory cannot be entered
 *     i32  umask; -1 leaves it as it is
 *     i32  niceness + 20; -1 leaves it as it is
 *     i32  0 to keep the caller's standard input
 *     texts, each ended by a NUL: the word, the working directory, arguments (the first is the absolute path of the program),
 *          variables (NAME=value)
 *     limits, each three u64: the resource's number (RLIMIT_...), soft limit, hard limit; all ones is no limit
 *
 * There is one program below for both processors. It is written in the words of the following tables, each of which stands
 * for one to three instructions; where a word changes a register, that is the first one named. A register is a variable of
 * 64 bits. After a SYSCALL, its own registers hold nothing but RESULT, and all others what they held. LOAD, LOAD_COUNT and
 * LOAD_BYTE read 8, 4 and 1 bytes from memory.
 */

#ifdef AARCH64

#define ELF_MACHINE     183

/* Registers of system calls: the arguments and what comes back, -errno for a failure. */
#define FIRST           x0
#define SECOND          x1
#define THIRD           x2
#define FOURTH          x3
#define RESULT          x0
/* Pointers: the text being read, the place in our own environment, where to write next, the new environment. */
#define CURSOR          x19
#define OWN             x20
#define OUT             x21
#define ENVIRONMENT     x22
/* Numbers: a counter, a descriptor, errno. */
#define COUNT           x23
/* What is used at once: any value, a byte. */
#define VALUE           x9
#define CHAR            x10
#define CHAR_LOW_BYTE   w10
#define STACK           sp

#define COPY(to, from)                  mov to, from
#define SET(to, number)                 mov to, number
#define ADDRESS(to, label)              adr to, label
#define LOAD(to, at, offset)            ldr to, [at, offset]
#define LOAD_COUNT(to, at, offset)      ldrsw to, [at, offset]
#define LOAD_BYTE(to, at)               ldrsb to, [at]
#define STORE(at, offset, from)         str from, [at, offset]
#define STORE_CHAR(at)                  strb CHAR_LOW_BYTE, [at]
#define ADD(to, number)                 add to, to, number
#define SUBTRACT(from, what)            sub from, from, what
#define ADD_TIMES_8(to, index)          add to, to, index, lsl 3
#define NEGATE(what)                    neg what, what
/* The stack grows downwards, and its pointer must be a multiple of 16. */
#define RESERVE(bytes)                  sub VALUE, STACK, bytes; and STACK, VALUE, -16
#define GOTO(label)                     b label
#define IF_ZERO(what, label)            cbz what, label
#define IF_NOT_ZERO(what, label)        cbnz what, label
#define IF_EQUAL(one, other, label)     cmp one, other; b.eq label
#define IF_BELOW(one, other, label)     cmp one, other; b.lo label
#define IF_NEGATIVE(what, label)        tbnz what, 63, label
#define SYSCALL(number)                 mov x8, number; svc 0

/* System calls: include/uapi/asm-generic/unistd.h of Linux. */
#define SYS_CHDIR       49
#define SYS_OPENAT      56
#define SYS_DUP3        24
#define SYS_CLOSE       57
#define SYS_WRITE       64
#define SYS_EXIT_GROUP  94
#define SYS_SETPRIORITY 140
#define SYS_SETSID      157
#define SYS_UMASK       166
#define SYS_EXECVE      221
#define SYS_PRLIMIT64   261

#else /* x86_64 */

.intel_syntax noprefix

#define ELF_MACHINE     62

/* The same roles as above. */
#define FIRST           rdi
#define SECOND          rsi
#define THIRD           rdx
#define FOURTH          r10
#define RESULT          rax
#define CURSOR          rbx
#define OWN             rbp
#define OUT             r12
#define ENVIRONMENT     r13
#define COUNT           r14
#define VALUE           r8
#define CHAR            r9
#define CHAR_LOW_BYTE   r9b
#define STACK           rsp

#define COPY(to, from)                  mov to, from
#define SET(to, number)                 mov to, number
#define ADDRESS(to, label)              lea to, [rip + label]
#define LOAD(to, at, offset)            mov to, [at + offset]
#define LOAD_COUNT(to, at, offset)      movsxd to, dword ptr [at + offset]
#define LOAD_BYTE(to, at)               movsx to, byte ptr [at]
#define STORE(at, offset, from)         mov [at + offset], from
#define STORE_CHAR(at)                  mov [at], CHAR_LOW_BYTE
#define ADD(to, number)                 add to, number
#define SUBTRACT(from, what)            sub from, what
#define ADD_TIMES_8(to, index)          lea to, [to + index * 8]
#define NEGATE(what)                    neg what
#define RESERVE(bytes)                  sub STACK, bytes; and STACK, -16
#define GOTO(label)                     jmp label
#define IF_ZERO(what, label)            test what, what; jz label
#define IF_NOT_ZERO(what, label)        test what, what; jnz label
#define IF_EQUAL(one, other, label)     cmp one, other; je label
#define IF_BELOW(one, other, label)     cmp one, other; jb label
#define IF_NEGATIVE(what, label)        test what, what; js label
#define SYSCALL(number)                 mov eax, number; syscall

/* System calls: arch/x86/entry/syscalls/syscall_64.tbl of Linux. */
#define SYS_CHDIR       80
#define SYS_OPENAT      257
#define SYS_DUP3        292
#define SYS_CLOSE       3
#define SYS_WRITE       1
#define SYS_EXIT_GROUP  231
#define SYS_SETPRIORITY 141
#define SYS_SETSID      112
#define SYS_UMASK       95
#define SYS_EXECVE      59
#define SYS_PRLIMIT64   302

#endif

/* Numbers that are the same on both. */
#define AT_FDCWD        -100
#define O_RDONLY        0
#define PRIO_PROCESS    0
#define ENOENT          2
#define ENOEXEC         8
#define EINVAL          22
#define STDERR          2
#define ASCII_NEWLINE   10
#define ASCII_SPACE     32
#define ASCII_ZERO      48
#define ASCII_COLON     58      /* the one behind the digit 9 */
#define PLACEHOLDER     1       /* stands for the worker's number */

/* Where the numbers of the appended part are. */
#define ARGUMENTS       0
#define VARIABLES       4
#define LIMITS          8
#define OWN_SESSION     12
#define REQUIRED        16
#define MASK            20
#define NICENESS        24
#define OWN_STDIN       28
#define TEXTS           32

/* What is added to errno, which is below 200, to say what failed; nothing for execve. */
#define AT_FOLDER       200
#define AT_NICENESS     400

/* Goes behind the NUL that ends the text at CURSOR. */
#define SKIP_TEXT(label)  label: LOAD_BYTE(CHAR, CURSOR); ADD(CURSOR, 1); IF_NOT_ZERO(CHAR, label)

/* Reads one of the numbers of the appended part. */
#define LOAD_NUMBER(to, offset)  ADDRESS(to, blob); LOAD_COUNT(to, to, offset)

/* Appends to the array, or the line, that is being written at OUT. */
#define APPEND(pointer)  STORE(OUT, 0, pointer); ADD(OUT, 8)
#define APPEND_CHAR()    STORE_CHAR(OUT); ADD(OUT, 1)

/* Where the kernel puts the file in memory. It is not linked and names no address but its entry. */
#define BASE            0x400000

.text

/* ELF header and program headers (elf(5)); no sections. */
file:
        .byte   0x7f, 0x45, 0x4c, 0x46          /* \x7f E L F */
        .byte   2, 1, 1, 0                      /* 64 bits, little endian, version 1, any System V */
        .quad   0
        .short  2, ELF_MACHINE                  /* an executable at a fixed address */
        .long   1
        .quad   BASE + start - file             /* entry */
        .quad   headers - file                  /* where the program headers are */
        .quad   0                               /* no section headers */
        .long   0                               /* flags */
        .short  64, 56, 2                       /* size of this, of a program header, their number */
        .short  0, 0, 0
headers:
        .long   1, 5                            /* PT_LOAD, readable and executable: the whole file */
        .quad   0, BASE, BASE
        .quad   blob - file, blob - file        /* the size in file and memory: src/supervisor/launcher.ts sets both */
        .quad   0x10000                         /* the largest page that either processor has */
        .long   0x6474e551, 6                   /* PT_GNU_STACK: not executable */
        .quad   0, 0, 0, 0, 0, 16

/* The stack holds what the kernel handed over: argc, the arguments, NULL, the variables, NULL. */
start:
        LOAD(VALUE, STACK, 0)
        COPY(OWN, STACK)
        ADD_TIMES_8(OWN, VALUE)
        ADD(OWN, 16)                            /* our own variables */

        /* A session of its own. This fails if the process leads one already, which is as good. */
        LOAD_NUMBER(VALUE, OWN_SESSION)
        IF_ZERO(VALUE, mask)
        SYSCALL(SYS_SETSID)
mask:
        LOAD_NUMBER(FIRST, MASK)
        IF_NEGATIVE(FIRST, niceness)
        SYSCALL(SYS_UMASK)
niceness:
        LOAD_NUMBER(THIRD, NICENESS)
        IF_NEGATIVE(THIRD, find_id)
        SUBTRACT(THIRD, 20)
        SET(FIRST, PRIO_PROCESS)
        SET(SECOND, 0)                          /* this process */
        SYSCALL(SYS_SETPRIORITY)
        COPY(COUNT, RESULT)
        NEGATE(COUNT)
        IF_ZERO(COUNT, find_id)
        ADD(COUNT, AT_NICENESS)
        GOTO(failed)

        /* The worker's number as our caller has set it: VALUE becomes its address, or 0. */
find_id:
        COPY(ENVIRONMENT, OWN)
next_candidate:
        LOAD(VALUE, ENVIRONMENT, 0)
        IF_ZERO(VALUE, folder)
        ADD(ENVIRONMENT, 8)
        ADDRESS(CURSOR, id_name)
next_of_name:
        LOAD_BYTE(CHAR, CURSOR)
        IF_ZERO(CHAR, folder)
        LOAD_BYTE(COUNT, VALUE)
        ADD(CURSOR, 1)
        ADD(VALUE, 1)
        IF_EQUAL(CHAR, COUNT, next_of_name)
        GOTO(next_candidate)

        /* The working directory's path is made on the stack, with room for 8 bytes in place of each one. */
folder:
        COPY(ENVIRONMENT, VALUE)
        ADDRESS(CURSOR, the_word)
        SKIP_TEXT(skip_word)
        COPY(COUNT, CURSOR)
        SKIP_TEXT(skip_folder)
        SUBTRACT(CURSOR, COUNT)
        SET(OUT, 0)
        ADD_TIMES_8(OUT, CURSOR)
        RESERVE(OUT)
        COPY(OUT, STACK)
        COPY(CURSOR, COUNT)
next_of_folder:
        LOAD_BYTE(CHAR, CURSOR)
        ADD(CURSOR, 1)
        IF_EQUAL(CHAR, PLACEHOLDER, insert_id)
        APPEND_CHAR()
        IF_NOT_ZERO(CHAR, next_of_folder)
        COPY(FIRST, STACK)
        SYSCALL(SYS_CHDIR)
        COPY(COUNT, RESULT)
        NEGATE(COUNT)
        IF_ZERO(COUNT, standard_input)
        GOTO(not_entered)

        /* Our caller may be hostile: with anything but digits, such as "..", it could choose another folder. */
insert_id:
        COPY(VALUE, ENVIRONMENT)
        IF_ZERO(VALUE, refuse_id)
        SET(COUNT, 0)
next_digit:
        LOAD_BYTE(CHAR, VALUE)
        IF_ZERO(CHAR, id_inserted)
        IF_EQUAL(COUNT, 5, refuse_id)
        IF_BELOW(CHAR, ASCII_ZERO, refuse_id)
        IF_BELOW(CHAR, ASCII_COLON, digit)
        GOTO(refuse_id)
digit:
        APPEND_CHAR()
        ADD(VALUE, 1)
        ADD(COUNT, 1)
        GOTO(next_digit)
id_inserted:
        IF_NOT_ZERO(COUNT, next_of_folder)
refuse_id:
        SKIP_TEXT(skip_rest_of_folder)
        SET(COUNT, EINVAL)
not_entered:
        LOAD_NUMBER(VALUE, REQUIRED)
        IF_ZERO(VALUE, standard_input)
        ADD(COUNT, AT_FOLDER)
        GOTO(failed)

        /*
         * An empty standard input, if it is not to be the caller's. Descriptor 0 comes back if it was closed: then it is right
         * already. CURSOR is at the first argument, and stays there.
         */
standard_input:
        LOAD_NUMBER(VALUE, OWN_STDIN)
        IF_ZERO(VALUE, arrays)
        SET(FIRST, AT_FDCWD)
        ADDRESS(SECOND, null_device)
        SET(THIRD, O_RDONLY)
        SYSCALL(SYS_OPENAT)
        IF_NEGATIVE(RESULT, arrays)
        IF_ZERO(RESULT, arrays)
        COPY(COUNT, RESULT)
        COPY(FIRST, COUNT)
        SET(SECOND, 0)
        SET(THIRD, 0)
        SYSCALL(SYS_DUP3)
        COPY(FIRST, COUNT)
        SYSCALL(SYS_CLOSE)

        /*
         * Room on the stack for two arrays of pointers: "/bin/sh", the arguments, NULL; the variables, our own variables, NULL.
         * COUNT becomes the number of pointers, and one more, so that a limit fits behind the variables.
         */
arrays:
        SET(COUNT, 4)
        COPY(OUT, OWN)
count_own:
        LOAD(VALUE, OUT, 0)
        IF_ZERO(VALUE, counted)
        ADD(OUT, 8)
        ADD(COUNT, 1)
        GOTO(count_own)
counted:
        LOAD_NUMBER(CHAR, ARGUMENTS)
        ADD(COUNT, CHAR)
        LOAD_NUMBER(CHAR, VARIABLES)
        ADD(COUNT, CHAR)
        SET(OUT, 0)
        ADD_TIMES_8(OUT, COUNT)
        RESERVE(OUT)
        COPY(OUT, STACK)

        ADDRESS(VALUE, shell)
        APPEND(VALUE)
        LOAD_NUMBER(COUNT, ARGUMENTS)
next_argument:
        APPEND(CURSOR)
        SKIP_TEXT(skip_argument)
        SUBTRACT(COUNT, 1)
        IF_NOT_ZERO(COUNT, next_argument)
        SET(VALUE, 0)
        APPEND(VALUE)

        COPY(ENVIRONMENT, OUT)
        LOAD_NUMBER(COUNT, VARIABLES)
next_variable:
        IF_ZERO(COUNT, limits)
        APPEND(CURSOR)
        SKIP_TEXT(skip_variable)
        SUBTRACT(COUNT, 1)
        GOTO(next_variable)

        /*
         * The limits, at CURSOR. A struct rlimit is two numbers, soft and hard; it is at OUT, where our own variables will be.
         * Nobody needs a privilege to lower a limit, or to raise the soft one up to the hard one.
         */
limits:
        LOAD_NUMBER(COUNT, LIMITS)
next_limit:
        IF_ZERO(COUNT, next_own)
        SET(FIRST, 0)                           /* this process */
        LOAD(SECOND, CURSOR, 0)
        SET(THIRD, 0)
        COPY(FOURTH, OUT)
        SYSCALL(SYS_PRLIMIT64)
        IF_NEGATIVE(RESULT, limit_done)
        LOAD(VALUE, CURSOR, 16)
        LOAD(CHAR, OUT, 8)
        IF_BELOW(VALUE, CHAR, hard_limit)
        COPY(VALUE, CHAR)
hard_limit:
        STORE(OUT, 8, VALUE)
        LOAD(CHAR, CURSOR, 8)
        IF_BELOW(CHAR, VALUE, soft_limit)
        COPY(CHAR, VALUE)
soft_limit:
        STORE(OUT, 0, CHAR)
        SET(FIRST, 0)
        LOAD(SECOND, CURSOR, 0)
        COPY(THIRD, OUT)
        SET(FOURTH, 0)
        SYSCALL(SYS_PRLIMIT64)
limit_done:
        ADD(CURSOR, 24)
        SUBTRACT(COUNT, 1)
        GOTO(next_limit)

        /* Our own variables: those that begin with one of the prefixes. CURSOR goes through these. */
next_own:
        LOAD(VALUE, OWN, 0)
        IF_ZERO(VALUE, run)
        ADDRESS(CURSOR, prefixes)
next_prefix:
        LOAD(VALUE, OWN, 0)
next_char:
        LOAD_BYTE(CHAR, CURSOR)
        IF_ZERO(CHAR, has_prefix)
        LOAD_BYTE(COUNT, VALUE)
        ADD(CURSOR, 1)
        ADD(VALUE, 1)
        IF_EQUAL(CHAR, COUNT, next_char)
        SKIP_TEXT(skip_prefix)
        LOAD_BYTE(CHAR, CURSOR)
        IF_NOT_ZERO(CHAR, next_prefix)          /* an empty text is behind the last prefix */
        GOTO(own_done)
has_prefix:
        LOAD(VALUE, OWN, 0)
        APPEND(VALUE)
own_done:
        ADD(OWN, 8)
        GOTO(next_own)

        /* The arrays are at STACK (first "/bin/sh", which the program itself does not get) and at ENVIRONMENT. */
run:
        SET(VALUE, 0)
        APPEND(VALUE)
        LOAD(FIRST, STACK, 8)
        COPY(SECOND, STACK)
        ADD(SECOND, 8)
        COPY(THIRD, ENVIRONMENT)
        SYSCALL(SYS_EXECVE)
        COPY(COUNT, RESULT)
        NEGATE(COUNT)

        /* A script without "#!" is the shell's, as execvp(3) has it. */
        IF_EQUAL(COUNT, ENOEXEC, run_shell)
        GOTO(failed)
run_shell:
        LOAD(FIRST, STACK, 0)
        COPY(SECOND, STACK)
        COPY(THIRD, ENVIRONMENT)
        SYSCALL(SYS_EXECVE)
        COPY(COUNT, RESULT)
        NEGATE(COUNT)

        /*
         * COUNT is the number to report. The line "<word> <number>\n" is made on the stack, so that one call writes it.
         * ENVIRONMENT becomes the exit status.
         */
failed:
        SET(ENVIRONMENT, 127)
        IF_EQUAL(COUNT, ENOENT, measure_word)
        SET(ENVIRONMENT, 126)
measure_word:
        ADDRESS(CURSOR, the_word)
        SKIP_TEXT(skip_word_again)
        ADDRESS(VALUE, the_word)
        SUBTRACT(CURSOR, VALUE)                 /* the word's size with its NUL, whose place the space takes */
        ADD(CURSOR, 4)                          /* three digits, a newline */
        RESERVE(CURSOR)
        COPY(OUT, STACK)
        ADDRESS(CURSOR, the_word)
copy_word:
        LOAD_BYTE(CHAR, CURSOR)
        IF_ZERO(CHAR, word_copied)
        APPEND_CHAR()
        ADD(CURSOR, 1)
        GOTO(copy_word)
word_copied:
        SET(CHAR, ASCII_SPACE)
        APPEND_CHAR()
        SET(CHAR, ASCII_ZERO)
hundreds:
        IF_BELOW(COUNT, 100, hundreds_done)
        SUBTRACT(COUNT, 100)
        ADD(CHAR, 1)
        GOTO(hundreds)
hundreds_done:
        APPEND_CHAR()
        SET(CHAR, ASCII_ZERO)
tens:
        IF_BELOW(COUNT, 10, tens_done)
        SUBTRACT(COUNT, 10)
        ADD(CHAR, 1)
        GOTO(tens)
tens_done:
        APPEND_CHAR()
        COPY(CHAR, COUNT)
        ADD(CHAR, ASCII_ZERO)
        APPEND_CHAR()
        SET(CHAR, ASCII_NEWLINE)
        APPEND_CHAR()

        SET(FIRST, STDERR)
        COPY(SECOND, STACK)
        COPY(THIRD, OUT)
        COPY(VALUE, STACK)
        SUBTRACT(THIRD, VALUE)
        SYSCALL(SYS_WRITE)
        COPY(FIRST, ENVIRONMENT)
        SYSCALL(SYS_EXIT_GROUP)

null_device:
        .asciz  "/dev/null"
shell:
        .asciz  "/bin/sh"
prefixes:
        .asciz  "JOBRUNNER_", "TRACEPARENT=", "TRACESTATE=", ""
id_name:
        .asciz  "JOBRUNNER_WORKER_ID="

        .balign 8, 0
blob:                                           /* what is appended, in the form that the head describes */
        .set    the_word, blob + TEXTS
