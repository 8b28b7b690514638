# Marks zsh's prompts and commands for the terminal. $ZDOTDIR leads here, once: the user's own is
# put back first, and zsh finds all further start-up files by itself.
#
# Everything is defined before the user's files are read: what they alias must not reach in here.

# Runs at the first prompt, when all start-up files have added their own hooks.
__iterm_mcp_start() {
    local percent=${options[promptpercent]}
    emulate -L zsh -o no_err_exit -o no_err_return -o no_xtrace
    precmd_functions=(${precmd_functions:#__iterm_mcp_start})
    unfunction __iterm_mcp_start
    precmd_functions+=(__iterm_mcp_precmd)
    typeset -ga preexec_functions
    preexec_functions+=(__iterm_mcp_preexec)
    __iterm_mcp_mark 0 $'\e]1337;ShellIntegrationVersion=1;shell=zsh\a'
}

__iterm_mcp_precmd() {
    local ran=$? percent=${options[promptpercent]}
    emulate -L zsh -o no_err_exit -o no_err_return -o no_xtrace
    __iterm_mcp_mark $ran
}

__iterm_mcp_preexec() {
    emulate -L zsh -o no_err_exit -o no_err_return -o no_xtrace
    local REPLY
    __iterm_mcp_encode "${1[1,4000]}"
    # Part of a command would mislead: then what stands on the screen is read.
    (( $#1 > 4000 )) && REPLY= || REPLY=";cmdline_url=$REPLY"
    print -rn -- $'\e]133;C'$REPLY$'\a' >&2
}

__iterm_mcp_mark() {
    # iTerm2's own script does the same.
    if [[ -n ${ITERM_SHELL_INTEGRATION_INSTALLED-} ]]; then
        percent=off
        precmd_functions=(${precmd_functions:#__iterm_mcp_*})
        preexec_functions=(${preexec_functions:#__iterm_mcp_*})
    else
        __iterm_mcp_tell "$@"
    fi
    __iterm_mcp_wrap PS1 $'%{\e]133;A;aid='$$$'\a%}'
    __iterm_mcp_wrap PS2 $'%{\e]133;P;k=s\a%}'
    __iterm_mcp_wrap RPS1 $'%{\e]133;P;k=r\a%}'
    __iterm_mcp_wrap RPS2 $'%{\e]133;P;k=r\a%}'
}

__iterm_mcp_tell() {
    local out=$2$'\e]133;D;'$1$';aid='$$$'\a\e]1337;RemoteHost='${(%):-%n@%M}$'\a'
    [[ $PWD == *[[:cntrl:]]* ]] || out+=$'\e]1337;CurrentDir='$PWD$'\a'
    local REPLY
    __iterm_mcp_encode $PWD
    print -rn -- $out$'\e]7;file://'${(%):-%M}$REPLY$'\a' >&2
}

__iterm_mcp_wrap() {
    local end=$'%{\e]133;B\a%}' inner=${(P)1-}
    inner=${${inner//$2/}//$end/}
    # A prompt in which %{ means nothing cannot be marked.
    [[ -n $inner || $1 == PS1 ]] && [[ $percent == on ]] && inner=$2$inner$end
    [[ ${(P)1-} == $inner ]] || typeset -g $1=$inner
}

# Percent-encodes what is no plain character, byte by byte, into REPLY.
__iterm_mcp_encode() {
    setopt local_options extended_glob no_multibyte
    local MATCH MBEGIN MEND
    REPLY=${1//(#m)[^A-Za-z0-9\/._~-]/%${(l:2::0:)$(([##16]#MATCH))}}
}

typeset -ga precmd_functions
precmd_functions+=(__iterm_mcp_start)
# For start-up files that replace that list: what is due runs before the first prompt too.
zmodload zsh/sched 2>/dev/null && sched +0 '(( ! ${+functions[__iterm_mcp_start]} )) || __iterm_mcp_start'

if [[ -n ${ITERM_MCP_ZDOTDIR+x} ]]; then
    export ZDOTDIR=$ITERM_MCP_ZDOTDIR
else
    unset ZDOTDIR
fi
unset ITERM_MCP_ZDOTDIR

if [[ -r ${ZDOTDIR-$HOME}/.zshenv ]]; then
    . "${ZDOTDIR-$HOME}/.zshenv"
fi
