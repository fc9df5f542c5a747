$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {
    $from = 'C:\100 % R&D\o''clock ’’.txt'
    $to = 'C:\$HOME `x`.txt'
    $made = $false
    [System.IO.File]::Copy($from, $to)
    $made = $true
    Get-Acl -LiteralPath $from | Set-Acl -LiteralPath $to
    [System.IO.File]::SetCreationTimeUtc($to, [System.IO.File]::GetCreationTimeUtc($from))
    [Console]::Out.WriteLine('scorch:done')
} catch {
    $result = $_.Exception.GetBaseException().HResult
    $code = 31
    if (($result -band 0x7FFF0000) -eq 0x70000) {
        $code = $result -band 0xFFFF
    }
    if ($made) {
        [System.IO.File]::Delete($to)
    }
    [Console]::Out.WriteLine('scorch:refused ' + $code)
}
